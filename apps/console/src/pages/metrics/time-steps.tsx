import type { JSX } from 'preact';
import { sinceNow } from '../../parts/search-tools.tsx';
import { setQuery } from '../../router.ts';

/** Both in parts of the time shown: how far its end moves, and how long it is then. */
const steps = [
  { title: 'Earlier', end: -0.5, length: 1 },
  { title: 'Later', end: 0.5, length: 1 },
  { title: 'Closer', end: -0.25, length: 0.5 },
  { title: 'Wider', end: 0.5, length: 2 },
] as const;
const leastMs = 10_000;
/** No sums are kept for longer. */
const mostMs = 35 * 86_400_000;

/** What marking a part of a chart does, for the keyboard. */
export function TimeSteps({ from, to }: { readonly from: string; readonly to: string }): JSX.Element {
  const go = ({ end, length }: (typeof steps)[number]) => {
    const nowMs = Date.now();
    const fromMs = Date.parse(from || sinceNow());
    const toMs = to === '' ? nowMs : Date.parse(to);
    const shownMs = toMs - fromMs;
    const endMs = Math.min(nowMs, toMs + end * shownMs);
    const beginMs = endMs - Math.min(mostMs, Math.max(leastMs, length * shownMs));
    setQuery({ from: new Date(beginMs).toISOString(), to: new Date(endMs).toISOString() });
  };
  return (
    <>
      {steps.map((step) => (
        <button key={step.title} type="button" class="button" onClick={() => go(step)}>
          {step.title}
        </button>
      ))}
    </>
  );
}
