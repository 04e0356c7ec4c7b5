import type { JSX } from 'preact';
import { remove } from '../../data/api.ts';
import type { AnswerOf } from '../../data/api-types.ts';
import { useResource } from '../../data/resource.ts';
import { formatCount, formatMs, formatShare } from '../../format.ts';
import { ask } from '../../parts/ask.tsx';
import { Badge } from '../../parts/badge.tsx';
import { PageHead } from '../../parts/page-head.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { Table } from '../../parts/table.tsx';
import { Ago } from '../../parts/time.tsx';
import { href } from '../../router.ts';
import { ErrorRuleForm } from './error-rule-form.tsx';
import { ErrorRules } from './error-rules.tsx';
import { ObjectiveForm } from './objective-form.tsx';

type Objective = AnswerOf<'listObjectives'>['objectives'][number];
type Alert = AnswerOf<'listAlerts'>['alerts'][number];

const everyMs = 5_000;

/** What operations promise to those who use them, and how much of the error budget is left. */
export function ObjectivesPage(): JSX.Element {
  const objectives = useResource<AnswerOf<'listObjectives'>>('/api/objectives', { everyMs });
  const rules = useResource<AnswerOf<'listErrorRules'>>('/api/error-rules', { everyMs });
  const alerts = useResource<AnswerOf<'listAlerts'>>('/api/alerts', { everyMs });
  return (
    <>
      <PageHead
        title="Objectives"
        about="What is promised to users, how much of the error budget is left, and what alerts."
      />
      <div class="stack">
        <section class="card">
          <Loaded of={objectives}>
            {(value) => <Objectives of={value.objectives} reload={objectives.reload} />}
          </Loaded>
        </section>
        <ObjectiveForm done={objectives.reload} />
        <section class="card">
          <header>
            <h2>Bursts of errors</h2>
            <span class="soft small">More errors than this, and somebody is told.</span>
          </header>
          <Loaded of={rules}>{(value) => <ErrorRules of={value.rules} reload={rules.reload} />}</Loaded>
        </section>
        <ErrorRuleForm done={rules.reload} />
        <section class="card">
          <header>
            <h2>Alerts</h2>
            <span class="soft small">
              An alert fires when an error budget is used up too fast, or errors come in a burst.
            </span>
          </header>
          <Loaded of={alerts}>{(value) => <Alerts of={value.alerts} />}</Loaded>
        </section>
      </div>
    </>
  );
}

function Objectives({
  of,
  reload,
}: {
  readonly of: readonly Objective[];
  readonly reload: () => void;
}): JSX.Element {
  if (of.length === 0)
    return (
      <Empty title="No objectives yet.">
        State one below: it is measured from the traces that are there.
      </Empty>
    );
  return (
    <Table<Objective>
      caption="Objectives"
      rows={of}
      keyOf={({ objectiveId }) => objectiveId}
      columns={[
        {
          title: 'Objective',
          cell: ({ service, operation, target, withinMs }) => (
            <>
              <a data-row href={href('/metrics', { service })}>
                {operation ?? service}
              </a>
              <div class="soft small">
                {(target * 100).toLocaleString('en-GB', { maximumFractionDigits: 3 })} % good
                {withinMs === undefined ? '' : `, within ${formatMs(withinMs)}`}
              </div>
            </>
          ),
        },
        { title: 'State', cell: (objective) => <State of={objective} /> },
        {
          title: 'Attained',
          isNumber: true,
          isWideOnly: true,
          cell: ({ attained }) => `${(attained * 100).toFixed(2)} %`,
        },
        { title: 'Requests', isNumber: true, isWideOnly: true, cell: ({ total }) => formatCount(total) },
        {
          title: 'Error budget left',
          isNumber: true,
          cell: ({ budgetLeft }) => (budgetLeft < 0 ? 'none' : formatShare(budgetLeft)),
        },
        {
          title: 'Change',
          isWideOnly: true,
          cell: (objective) => (
            <button type="button" class="button" onClick={() => removeObjective(objective, reload)}>
              Remove
            </button>
          ),
        },
      ]}
    />
  );
}

function State({ of: { burnRates, budgetLeft } }: { readonly of: Objective }): JSX.Element {
  if (burnRates.some(({ isFiring }) => isFiring)) return <Badge tone="bad">burns too fast</Badge>;
  if (budgetLeft < 0) return <Badge tone="warn">missed</Badge>;
  return <Badge tone="good">kept</Badge>;
}

function removeObjective({ objectiveId, service, operation }: Objective, reload: () => void): void {
  ask({
    title: `Remove the objective of ${operation ?? service}?`,
    text: 'It is no longer measured, and no alert speaks of it.',
    action: 'Remove',
    isDanger: true,
    async run() {
      await remove(`/api/objectives/${encodeURIComponent(objectiveId)}`);
      reload();
      return 'Removed.';
    },
  });
}

function Alerts({ of }: { readonly of: readonly Alert[] }): JSX.Element {
  if (of.length === 0) return <Empty title="No alerts.">Nothing burns.</Empty>;
  return (
    <Table<Alert>
      caption="Alerts, those that fire first"
      rows={of}
      keyOf={({ alertId }) => alertId}
      columns={[
        {
          title: 'State',
          cell: ({ endedAt }) => (
            <Badge tone={endedAt === undefined ? 'bad' : 'good'}>
              {endedAt === undefined ? 'fires' : 'over'}
            </Badge>
          ),
        },
        { title: 'What', cell: ({ summary }) => summary },
        { title: 'Began', cell: ({ startedAt }) => <Ago at={startedAt} /> },
      ]}
    />
  );
}
