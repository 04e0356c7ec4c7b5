import type { ComponentChildren, JSX } from 'preact';
import type { AnswerOf, SystemService, VersionTraffic } from '../../data/api-types.ts';
import { useResource } from '../../data/resource.ts';
import { formatMs, formatRate, formatShare } from '../../format.ts';
import { Badge } from '../../parts/badge.tsx';
import { Table } from '../../parts/table.tsx';
import { Ago } from '../../parts/time.tsx';
import { href, query } from '../../router.ts';
import { leaveService } from './canvas.tsx';
import { flowOf, type MapLink, type MapPicture, versionsOf } from './picture.ts';

type Operation = AnswerOf<'listOperations'>['operations'][number];

/** All about one service, with the ways to everything else that is known of it. */
export function ServicePanel({
  name,
  picture,
}: {
  readonly name: string;
  readonly picture: MapPicture;
}): JSX.Element {
  const node = picture.nodes.find((each) => each.name === name);
  const { value } = useResource<AnswerOf<'listOperations'>>(
    () => href('/api/operations', { service: name, from: new Date(Date.now() - 300_000).toISOString() }),
    { everyMs: 3_000, key: `operations of ${name}`, keeps: false },
  );
  return (
    <aside class="card panel" aria-label={`Service ${name}`}>
      <header>
        <h2>{name}</h2>
        {node !== undefined && <Badge tone={node.standing.tone}>{node.standing.word}</Badge>}
        <div class="buttons">
          <button type="button" class="button is-plain" aria-label="Close" onClick={leaveService}>
            ✕
          </button>
        </div>
      </header>
      <div class="body stack">
        {node === undefined && <p>There is no service of this name now.</p>}
        <nav class="buttons small" aria-label={`More of ${name}`}>
          {[
            ['Traces', '/traces'],
            ['Logs', '/logs'],
            ['Errors', '/errors'],
            ['Metrics', '/metrics'],
          ].map(([title, path = '']) => (
            <a key={path} class="button" href={href(path, { service: name })}>
              {title}
            </a>
          ))}
          {node?.service !== undefined && (
            <a class="button" href={`/contracts/${encodeURIComponent(name)}`}>
              Contract
            </a>
          )}
        </nav>
        {node?.service !== undefined && <Instances service={node.service} />}
        {node?.traffic?.versions !== undefined && <Versions name={name} versions={node.traffic.versions} />}
        <Neighbours
          title="Calls and tells"
          links={picture.links.filter(({ from }) => from === name)}
          side="to"
        />
        <Neighbours
          title="Asked and told by"
          links={picture.links.filter(({ to }) => to === name)}
          side="from"
        />
        {value !== undefined && value.operations.length > 0 && (
          <Part title="Operations, last 5 minutes">
            <Table<Operation>
              caption={`Operations of ${name}`}
              rows={value.operations}
              keyOf={({ operation, kind }) => `${operation} ${kind}`}
              columns={[
                {
                  title: 'Operation',
                  cell: ({ operation }) => (
                    <a href={href('/traces', { service: name, operation })}>{operation}</a>
                  ),
                },
                { title: 'Rate', isNumber: true, cell: ({ perSecond }) => formatRate(perSecond) },
                { title: 'Err', isNumber: true, cell: ({ errorRate }) => formatShare(errorRate) },
                { title: 'p99', isNumber: true, cell: ({ p99Ms }) => formatMs(p99Ms) },
              ]}
            />
          </Part>
        )}
      </div>
    </aside>
  );
}

function Part({
  title,
  children,
}: {
  readonly title: string;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <section>
      <h3>{title}</h3>
      {children}
    </section>
  );
}

function Instances({ service }: { readonly service: SystemService }): JSX.Element {
  return (
    <Part title={`Instances · version ${service.version} · ${service.group}`}>
      <Table
        caption={`Instances of ${service.name}`}
        rows={service.instances}
        keyOf={({ id }) => id}
        columns={[
          { title: 'Instance', cell: ({ id }) => <span class="mono">{id}</span> },
          {
            title: 'State',
            cell: ({ state, reason }) => <span title={reason}>{state}</span>,
          },
          { title: 'Process', isNumber: true, cell: ({ pid }) => pid ?? '–' },
          { title: 'Since', cell: ({ startedAt }) => <Ago at={startedAt} /> },
          { title: 'Restarts', isNumber: true, cell: ({ restarts }) => restarts ?? '–' },
        ]}
      />
    </Part>
  );
}

function Versions({
  name,
  versions,
}: {
  readonly name: string;
  readonly versions: readonly VersionTraffic[];
}): JSX.Element {
  return (
    <Part title="Versions that answer, last minute">
      <Table<VersionTraffic>
        caption={`Versions of ${name}`}
        rows={versions}
        keyOf={({ version }) => version}
        columns={[
          { title: 'Version', cell: ({ version }) => <span class="mono">{version}</span> },
          { title: 'Rate', isNumber: true, cell: ({ perSecond }) => formatRate(perSecond) },
          { title: 'Err', isNumber: true, cell: ({ errorRate }) => formatShare(errorRate) },
          { title: 'p99', isNumber: true, cell: ({ p99Ms }) => formatMs(p99Ms) },
        ]}
      />
    </Part>
  );
}

/** Of the versions that answer one caller, each for itself. */
function LinkVersions({ link }: { readonly link: MapLink }): JSX.Element | null {
  const versions = versionsOf(link);
  if (versions.length === 0) return null;
  return (
    <ul class="neighbours versions" aria-label={`${link.from} to ${link.to}, by version`}>
      {versions.map(({ version, perSecond, errorRate, p99Ms, breaker }) => (
        <li key={version}>
          <span class="mono small">{version}</span>
          <CircuitBadge breaker={breaker} />
          <span class="number small">
            {formatRate(perSecond)}
            {p99Ms === undefined ? '' : ` · ${formatMs(p99Ms)}`}
            {errorRate > 0 ? ` · ${formatShare(errorRate)} err` : ''}
          </span>
        </li>
      ))}
    </ul>
  );
}

function CircuitBadge({ breaker }: Pick<MapLink, 'breaker'>): JSX.Element | null {
  return breaker === undefined ? null : (
    <Badge tone="bad">circuit {breaker === 'open' ? 'open' : 'half open'}</Badge>
  );
}

interface NeighboursProps {
  readonly title: string;
  readonly links: readonly MapLink[];
  readonly side: 'from' | 'to';
}

function Neighbours({ title, links, side }: NeighboursProps): JSX.Element | null {
  if (links.length === 0) return null;
  return (
    <Part title={title}>
      <ul class="neighbours">
        {links.map((link) => {
          const { perSecond, errorRate } = flowOf(link);
          return (
            <li
              key={`${link.from} ${link.to}`}
              class={link.call?.versions === undefined ? '' : 'has-versions'}
            >
              <a href={href('/', { service: link[side], view: query('view') })}>{link[side]}</a>
              <span class="soft small">{link.kind}</span>
              <CircuitBadge breaker={link.breaker} />
              <span class="number small">
                {formatRate(perSecond)}
                {link.call?.p99Ms === undefined ? '' : ` · ${formatMs(link.call.p99Ms)}`}
                {errorRate > 0 ? ` · ${formatShare(errorRate)} err` : ''}
              </span>
              <LinkVersions link={link} />
            </li>
          );
        })}
      </ul>
    </Part>
  );
}
