import type { ComponentChildren, JSX } from 'preact';
import type { Trace } from '../../data/api-types.ts';
import { useResource } from '../../data/resource.ts';
import { formatUs, plural } from '../../format.ts';
import { Badge } from '../../parts/badge.tsx';
import { PageHead } from '../../parts/page-head.tsx';
import { Loaded } from '../../parts/states.tsx';
import { Ago } from '../../parts/time.tsx';
import { href, query } from '../../router.ts';
import { SpanPanel } from './span-panel.tsx';
import { CompareButton } from './trace-search.tsx';
import { Waterfall } from './waterfall.tsx';

/** A trace is renewed for a while: spans of a saga may come minutes after its first one. */
const everyMs = 5_000;

export function TraceView({ traceId }: { readonly traceId: string }): JSX.Element {
  const found = useResource<Trace>(`/api/traces/${encodeURIComponent(traceId)}`, { everyMs, keeps: false });
  const { value } = found;
  return (
    <>
      <PageHead title={value?.operation ?? 'Trace'} about={<code>{traceId}</code>}>
        <a class="button" href={href('/logs', { trace: traceId })}>
          Logs of this trace
        </a>
        <CompareButton traceId={traceId} />
      </PageHead>
      <Loaded of={found}>{(trace) => <Whole trace={trace} />}</Loaded>
    </>
  );
}

function Whole({ trace }: { readonly trace: Trace }): JSX.Element {
  const chosen = trace.spans.find(({ spanId }) => spanId === query('span'));
  return (
    <div class="stack">
      <dl class="tiles">
        <Tile name="Took">{formatUs(trace.durationUs)}</Tile>
        <Tile name="Began">
          <Ago at={trace.startedAt} />
        </Tile>
        <Tile name="Spans">
          {trace.spans.length}
          <small>in {plural(trace.services.length, 'service')}</small>
        </Tile>
        <Tile name="Errors">
          {trace.errors === 0 ? 'none' : <Badge tone="bad">{plural(trace.errors, 'error')}</Badge>}
        </Tile>
      </dl>
      {!trace.isWhole && (
        <p class="problem">
          The trace has more spans than are shown; the longest and the failed ones are here.
        </p>
      )}
      <div class={chosen === undefined ? 'stack' : 'split'}>
        <Waterfall trace={trace} chosen={chosen?.spanId} />
        {chosen !== undefined && <SpanPanel trace={trace} span={chosen} />}
      </div>
      <SelfTimes trace={trace} />
    </div>
  );
}

function Tile({
  name,
  children,
}: {
  readonly name: string;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <div class="card tile">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function SelfTimes({ trace }: { readonly trace: Trace }): JSX.Element {
  return (
    <section class="card">
      <header>
        <h2>Where the time went</h2>
        <span class="soft small">The critical path adds up to the whole time.</span>
      </header>
      <ul class="body self-times">
        {trace.selfTimes.map(({ service, selfUs, criticalUs }) => (
          <li key={service}>
            <span>{service}</span>
            <span class="bar" aria-hidden="true">
              <i style={{ width: `${(criticalUs / Math.max(1, trace.durationUs)) * 100}%` }} />
            </span>
            <span class="number">{formatUs(criticalUs)} critical</span>
            <span class="number soft">{formatUs(selfUs)} own</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
