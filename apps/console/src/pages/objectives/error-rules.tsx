import type { JSX } from 'preact';
import { remove } from '../../data/api.ts';
import type { AnswerOf } from '../../data/api-types.ts';
import { formatCount, plural } from '../../format.ts';
import { ask } from '../../parts/ask.tsx';
import { Badge } from '../../parts/badge.tsx';
import { Empty } from '../../parts/states.tsx';
import { Table } from '../../parts/table.tsx';
import { href } from '../../router.ts';

type Rule = AnswerOf<'listErrorRules'>['rules'][number];

/** How many errors are too many, and how many there are. */
export function ErrorRules({
  of,
  reload,
}: {
  readonly of: readonly Rule[];
  readonly reload: () => void;
}): JSX.Element {
  if (of.length === 0)
    return <Empty title="No bounds yet.">Say below how many errors of a service are too many.</Empty>;
  return (
    <Table<Rule>
      caption="Bounds of errors"
      rows={of}
      keyOf={({ ruleId }) => ruleId}
      columns={[
        {
          title: 'Errors of',
          cell: ({ service, groupId, maxErrors, windowMinutes }) => (
            <>
              <a data-row href={groupId === undefined ? href('/errors', { service }) : `/errors/${groupId}`}>
                {groupId === undefined ? service : `${service}, one error alone`}
              </a>
              <div class="soft small">
                more than {formatCount(maxErrors)} within {plural(windowMinutes, 'minute')}
              </div>
            </>
          ),
        },
        {
          title: 'State',
          cell: ({ isFiring }) => (
            <Badge tone={isFiring ? 'bad' : 'good'}>{isFiring ? 'too many' : 'calm'}</Badge>
          ),
        },
        { title: 'Now', isNumber: true, cell: ({ errors }) => formatCount(errors) },
        {
          title: 'Change',
          isWideOnly: true,
          cell: (rule) => (
            <button type="button" class="button" onClick={() => removeRule(rule, reload)}>
              Remove
            </button>
          ),
        },
      ]}
    />
  );
}

function removeRule({ ruleId, service }: Rule, reload: () => void): void {
  ask({
    title: `Alert no more on errors of ${service}?`,
    text: 'However many come, no alert speaks of them.',
    action: 'Remove',
    isDanger: true,
    async run() {
      await remove(`/api/error-rules/${encodeURIComponent(ruleId)}`);
      reload();
      return 'Removed.';
    },
  });
}
