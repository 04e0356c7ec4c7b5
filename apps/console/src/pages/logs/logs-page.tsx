import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { AnswerOf, LogLine } from '../../data/api-types.ts';
import { useResource } from '../../data/resource.ts';
import { formatClock, formatTime } from '../../format.ts';
import { useFurther } from '../../parts/further.tsx';
import { Facts, Text } from '../../parts/json.tsx';
import { PageHead } from '../../parts/page-head.tsx';
import {
  QueryField,
  QuerySelect,
  QueryToggle,
  ServiceSelect,
  SinceSelect,
  sinceNow,
} from '../../parts/search-tools.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { href, query, setQuery } from '../../router.ts';

const everyMs = 1_000;

/** Lines of all services, newest first, renewed every second unless the reader holds them. */
export function LogsPage(): JSX.Element {
  const asked = {
    service: query('service'),
    level: query('level'),
    traceId: query('trace'),
    text: query('text'),
    limit: 300,
  };
  const isHeld = query('held') === 'yes';
  const key = `logs ${JSON.stringify(asked)} ${query('since')}`;
  const pathOf = (after?: string) => href('/api/logs', { ...asked, from: sinceNow(), after });
  const found = useResource<AnswerOf<'searchLogs'>>(pathOf, { ...(isHeld ? {} : { everyMs }), key });
  const { answers, foot } = useFurther(found, key, pathOf);
  return (
    <>
      <PageHead title="Logs" about={isHeld ? 'Held: new lines wait.' : 'Live, newest first.'}>
        <QueryToggle name="held" title={isHeld ? 'Go on' : 'Hold'} />
      </PageHead>
      <div class="toolbar">
        <ServiceSelect />
        <QuerySelect
          name="level"
          label="Level"
          options={[
            { value: '', title: 'Every level' },
            { value: 'info', title: 'Info and above' },
            { value: 'warn', title: 'Warnings and errors' },
            { value: 'error', title: 'Errors' },
          ]}
        />
        <SinceSelect />
        <div class="grow">
          <QueryField name="text" label="Words" placeholder="Words, “a phrase”, -without" />
        </div>
      </div>
      {asked.traceId !== '' && (
        <p class="toolbar">
          <span>
            Of trace <a href={`/traces/${asked.traceId}`}>{asked.traceId}</a>
          </span>
          <button type="button" class="button" onClick={() => setQuery({ trace: undefined })}>
            All traces
          </button>
        </p>
      )}
      <div class="card">
        <Loaded of={found}>
          {() => <Lines lines={answers.flatMap(({ lines }) => lines)} isPart={foot !== null} />}
        </Loaded>
        {foot}
      </div>
    </>
  );
}

function Lines({
  lines,
  isPart,
}: {
  readonly lines: readonly LogLine[];
  readonly isPart: boolean;
}): JSX.Element {
  const [open, setOpen] = useState<string>();
  if (lines.length === 0 && isPart) return <Empty title="None so far." />;
  if (lines.length === 0) {
    return (
      <Empty title="No lines here.">
        Services write them with <code>log.info(…)</code>. If you searched: take a condition away, or a longer
        time.
      </Empty>
    );
  }
  return (
    <ol class="log-lines">
      {lines.map((line) => (
        <li key={line.id} class={`is-${line.level}`}>
          <button
            type="button"
            data-row
            aria-expanded={open === line.id}
            onClick={() => setOpen(open === line.id ? undefined : line.id)}
          >
            <time dateTime={line.at} title={formatTime(line.at)}>
              {formatClock(line.at)}
            </time>
            <span class="log-level">{line.level}</span>
            <span class="log-service">{line.service}</span>
            <span class="log-message">
              {line.message} <span class="log-more">{inShort(line.attributes)}</span>
            </span>
          </button>
          {open === line.id && <Details line={line} />}
        </li>
      ))}
    </ol>
  );
}

/** The first attributes, on one line: what the message is about. */
function inShort(attributes: LogLine['attributes']): string {
  return Object.entries(attributes)
    .filter(([name, value]) => typeof value !== 'object' && !name.startsWith('exception.'))
    .slice(0, 5)
    .map(([name, value]) => `${name}=${String(value).slice(0, 60)}`)
    .join(' ');
}

function Details({ line }: { readonly line: LogLine }): JSX.Element {
  const { 'exception.stacktrace': stack, 'banyan.error.group': _, ...others } = line.attributes;
  const { errorGroupId } = line;
  return (
    <div class="log-details stack">
      {Object.keys(others).length > 0 && <Facts of={others} />}
      {typeof stack === 'string' && <Text label="Stack" text={stack} />}
      <div class="buttons">
        {line.traceId !== undefined && (
          <a class="button" href={href(`/traces/${line.traceId}`, { span: line.spanId })}>
            Its trace
          </a>
        )}
        {errorGroupId !== undefined && (
          <a class="button" href={`/errors/${encodeURIComponent(errorGroupId)}`}>
            All errors like this one
          </a>
        )}
        {line.traceId === undefined && Object.keys(others).length === 0 && (
          <span class="soft">It says nothing more.</span>
        )}
      </div>
    </div>
  );
}
