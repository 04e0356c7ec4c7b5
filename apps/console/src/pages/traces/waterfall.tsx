import type { JSX } from 'preact';
import type { Span, Trace } from '../../data/api-types.ts';
import { formatUs } from '../../format.ts';
import { Icon } from '../../icons.tsx';
import { setQuery } from '../../router.ts';
import { familyNames, familyOf } from './span-kind.ts';

type Stretch = Trace['criticalPath'][number];

/** Each span a row, in the order of cause; below each bar, in dark, what the trace waited for. */
export function Waterfall(props: {
  readonly trace: Trace;
  readonly chosen: string | undefined;
}): JSX.Element {
  const { trace, chosen } = props;
  const critical = Map.groupBy(trace.criticalPath, ({ spanId }) => spanId);
  const ticks = [0, 0.25, 0.5, 0.75, 1];
  return (
    <section class="card waterfall" aria-label="Waterfall">
      <header class="waterfall-head">
        <span>{trace.spans.length} spans</span>
        <span class="waterfall-ticks" aria-hidden="true">
          {ticks.map((at) => (
            <span key={at} style={{ left: `${at * 100}%` }} class={at === 1 ? 'is-last' : ''}>
              {formatUs(trace.durationUs * at)}
            </span>
          ))}
        </span>
      </header>
      <ol>
        {trace.spans.map((span) => (
          <li key={span.spanId}>
            <Row
              span={span}
              totalUs={Math.max(1, trace.durationUs)}
              critical={critical.get(span.spanId) ?? []}
              isChosen={span.spanId === chosen}
            />
          </li>
        ))}
      </ol>
      <footer class="body soft small waterfall-legend">
        {(['server', 'client', 'event', 'saga', 'database', 'internal'] as const).map((family) => (
          <span key={family}>
            <i class={`is-${family}`} /> {familyNames[family]}
          </span>
        ))}
        <span>
          <i class="is-critical" /> critical path
        </span>
      </footer>
    </section>
  );
}

interface RowProps {
  readonly span: Span;
  readonly totalUs: number;
  readonly critical: readonly Stretch[];
  readonly isChosen: boolean;
}

function Row({ span, totalUs, critical, isChosen }: RowProps): JSX.Element {
  const { spanId, name, service, depth, offsetUs, durationUs, isError } = span;
  const family = familyOf(span);
  const share = (us: number) => `${(us / totalUs) * 100}%`;
  const spoken = `${name}, ${service}, ${familyNames[family]}, ${formatUs(durationUs)}${isError ? ', failed' : ''}${critical.length > 0 ? ', on the critical path' : ''}`;
  return (
    <button
      type="button"
      data-row
      class={`span-row ${isError ? 'is-error' : ''}`}
      aria-label={spoken}
      aria-expanded={isChosen}
      onClick={() => setQuery({ span: isChosen ? undefined : spanId })}
    >
      <span class="span-name" style={{ paddingLeft: `${Math.min(depth, 12) * 12}px` }}>
        {isError ? <Icon name="bad" size={12} /> : <i class={`is-${family}`} />}
        <b>{name}</b>
        <span class="soft">{service}</span>
      </span>
      <span class="span-line">
        <i class={`span-bar is-${family}`} style={{ left: share(offsetUs), width: share(durationUs) }} />
        {critical.map((stretch) => (
          <i
            key={stretch.offsetUs}
            class="span-critical"
            style={{ left: share(stretch.offsetUs), width: share(stretch.durationUs) }}
          />
        ))}
        <Took begin={offsetUs / totalUs} end={(offsetUs + durationUs) / totalUs}>
          {formatUs(durationUs)}
        </Took>
      </span>
    </button>
  );
}

/** Behind the bar, before it if there is no room behind, and on it if there is none before. */
function Took(props: {
  readonly begin: number;
  readonly end: number;
  readonly children: string;
}): JSX.Element {
  const { begin, end, children } = props;
  if (end < 0.82)
    return (
      <span class="span-took" style={{ left: `${end * 100}%` }}>
        {children}
      </span>
    );
  const isOnBar = begin < 0.15;
  return (
    <span
      class={`span-took ${isOnBar ? 'is-on-bar' : ''}`}
      style={{ right: `${(1 - (isOnBar ? end : begin)) * 100}%` }}
    >
      {children}
    </span>
  );
}
