import type { JSX } from 'preact';
import type { Span, Trace } from '../../data/api-types.ts';
import { formatUs } from '../../format.ts';
import { Badge } from '../../parts/badge.tsx';
import { Facts, Text } from '../../parts/json.tsx';
import { href, setQuery } from '../../router.ts';
import { familyNames, familyOf } from './span-kind.ts';

export function SpanPanel({ trace, span }: { readonly trace: Trace; readonly span: Span }): JSX.Element {
  const { name, service, durationUs, selfUs, offsetUs, isError, statusMessage, attributes, events, links } =
    span;
  return (
    <aside class="card panel" aria-label={`Span ${name}`}>
      <header>
        <h2>{name}</h2>
        {isError && <Badge tone="bad">failed</Badge>}
        <div class="buttons">
          <button
            type="button"
            class="button is-plain"
            aria-label="Close"
            onClick={() => setQuery({ span: undefined })}
          >
            ✕
          </button>
        </div>
      </header>
      <div class="body stack">
        <dl class="facts">
          <dt>Service</dt>
          <dd>
            <a href={href('/', { service })}>{service}</a>{' '}
            <span class="soft">{familyNames[familyOf(span)]}</span>
          </dd>
          <dt>Took</dt>
          <dd>
            {formatUs(durationUs)} <span class="soft">of which own {formatUs(selfUs)}</span>
          </dd>
          <dt>Began after</dt>
          <dd>{formatUs(offsetUs)}</dd>
        </dl>
        {statusMessage !== undefined && <p class="problem">{statusMessage}</p>}
        {events.map((event) => (
          <section key={`${event.name} ${event.offsetUs}`}>
            <h3>
              {event.name} <span class="soft small">after {formatUs(event.offsetUs)}</span>
            </h3>
            <EventFacts of={event} />
          </section>
        ))}
        {Object.keys(attributes).length > 0 && (
          <section>
            <h3>Attributes</h3>
            <Facts of={attributes} />
          </section>
        )}
        {links.map((link) => (
          <a key={link.spanId} href={href(`/traces/${link.traceId}`, { span: link.spanId })}>
            Caused by a span of trace <code>{link.traceId.slice(0, 8)}…</code>
          </a>
        ))}
        <section>
          <h3>{service} itself</h3>
          <Facts of={trace.resources[service] ?? {}} />
        </section>
      </div>
    </aside>
  );
}

function EventFacts({ of }: { readonly of: Span['events'][number] }): JSX.Element {
  const { errorGroupId } = of;
  const { 'exception.stacktrace': stack, 'banyan.error.group': _, ...others } = of.attributes;
  return (
    <div class="stack">
      <Facts of={others} />
      {typeof stack === 'string' && <Text label="Stack" text={stack} />}
      {errorGroupId !== undefined && (
        <a href={`/errors/${encodeURIComponent(errorGroupId)}`}>All errors like this one</a>
      )}
    </div>
  );
}
