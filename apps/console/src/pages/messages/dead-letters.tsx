import type { JSX } from 'preact';
import { post } from '../../data/api.ts';
import type { AnswerOf, DeadLetter } from '../../data/api-types.ts';
import { useResource } from '../../data/resource.ts';
import { plural } from '../../format.ts';
import { ask } from '../../parts/ask.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { Table } from '../../parts/table.tsx';
import { Ago } from '../../parts/time.tsx';
import { href, query, setQuery } from '../../router.ts';
import { system } from '../../shell/system.ts';

/** All that could not be handled, and what to do about all of it. */
export function DeadLetters(): JSX.Element {
  const after = query('after');
  const found = useResource<DeadLetterPage>(href('/api/dead-letters', { limit: '200', after }), {
    everyMs: 2_000,
  });
  const totals = found.value?.totals ?? {};
  const total = sumOf(totals);
  return (
    <section class="card">
      <header>
        <h2>Dead letters</h2>
        <span class="soft small">
          Events whose handler failed at every try; later ones of the same key wait.
        </span>
        {total > 0 && (
          <div class="buttons">
            <button type="button" class="button" onClick={() => retryAll(totals, found.reload)}>
              Retry all
            </button>
            <button type="button" class="button is-danger" onClick={() => discardAll(totals, found.reload)}>
              Discard all
            </button>
          </div>
        )}
      </header>
      <Loaded of={found}>
        {({ deadLetters, next }) =>
          deadLetters.length === 0 && after === '' ? (
            <Empty title="No dead letters.">Every event was handled, or still has tries.</Empty>
          ) : (
            <>
              <List letters={deadLetters} />
              <Pages shown={deadLetters.length} total={total} next={next} />
            </>
          )
        }
      </Loaded>
    </section>
  );
}

type DeadLetterPage = AnswerOf<'listDeadLetters'>;
type Totals = DeadLetterPage['totals'];

interface PagesProps {
  readonly shown: number;
  readonly total: number;
  readonly next: string | undefined;
}

/** Says that there are more than these, and leads there. */
function Pages({ shown, total, next }: PagesProps): JSX.Element | null {
  const isFirst = query('after') === '';
  if (isFirst && next === undefined) return null;
  return (
    <nav class="toolbar body" aria-label="Pages of dead letters">
      <span class="soft small">
        {shown} of {plural(total, 'dead letter')} on this page
      </span>
      {!isFirst && (
        <button type="button" class="button" onClick={() => setQuery({ after: undefined })}>
          First page
        </button>
      )}
      {next !== undefined && (
        <button type="button" class="button" onClick={() => setQuery({ after: next })}>
          Next page
        </button>
      )}
    </nav>
  );
}

function sumOf(totals: Totals): number {
  return Object.values(totals).reduce((sum, { count }) => sum + count, 0);
}

function List({ letters }: { readonly letters: readonly DeadLetter[] }): JSX.Element {
  return (
    <Table<DeadLetter>
      caption="Dead letters, longest dead first"
      rows={letters}
      keyOf={({ service, id }) => `${service} ${id}`}
      columns={[
        {
          title: 'Event',
          cell: ({ service, id, topic }) => (
            <a data-row href={letterPath(service, id)}>
              <span class="mono">{topic}</span> <span class="soft small">for {service}</span>
            </a>
          ),
        },
        { title: 'Reason', cell: ({ reason }) => <span class="reason">{reason.split('\n')[0]}</span> },
        { title: 'Key', isWideOnly: true, cell: ({ key }) => <span class="mono small">{key ?? '–'}</span> },
        { title: 'Tries', isNumber: true, isWideOnly: true, cell: ({ attempts }) => attempts },
        { title: 'Behind it', isNumber: true, isWideOnly: true, cell: ({ behind }) => behind },
        { title: 'Dead', cell: ({ deadSince }) => <Ago at={deadSince} /> },
      ]}
    />
  );
}

export function letterPath(service: string, id: string): string {
  return `/messages/${encodeURIComponent(service)}/${encodeURIComponent(id)}`;
}

/** Who will stand on the audit log. */
export function Signed(): JSX.Element {
  return (
    <p class="soft small">
      The audit log will say that <b>{system.value?.by ?? 'you'}</b> did it.
    </p>
  );
}

function retryAll(totals: Totals, reload: () => void): void {
  ask({
    title: `Deliver ${plural(sumOf(totals), 'event')} again?`,
    text: (
      <>
        <p>Their handlers run again as they are now. What waits behind them follows.</p>
        <Signed />
      </>
    ),
    action: 'Retry all',
    run: async () => {
      const count = await forEachService(totals, 'retry');
      reload();
      return `${plural(count, 'event')} delivered again.`;
    },
  });
}

function discardAll(totals: Totals, reload: () => void): void {
  ask({
    title: `Give up ${plural(sumOf(totals), 'event')}?`,
    text: (
      <>
        <p>What they should have caused will never happen. What waits behind them goes on.</p>
        <Signed />
      </>
    ),
    action: 'Discard all',
    isDanger: true,
    run: async () => {
      const count = await forEachService(totals, 'discard');
      reload();
      return `${plural(count, 'event')} discarded.`;
    },
  });
}

/** Those that were counted: what has died since nobody was asked about. */
async function forEachService(totals: Totals, verb: 'retry' | 'discard'): Promise<number> {
  let sum = 0;
  for (const [service, { last }] of Object.entries(totals)) {
    const path = `/api/dead-letters/${encodeURIComponent(service)}/${verb}`;
    sum += (await post<{ count: number }>(path, { through: last })).count;
  }
  return sum;
}
