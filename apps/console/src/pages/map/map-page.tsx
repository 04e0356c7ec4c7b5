import type { JSX } from 'preact';
import type { ServiceMap } from '../../data/api-types.ts';
import { useResource } from '../../data/resource.ts';
import { plural } from '../../format.ts';
import { PageHead } from '../../parts/page-head.tsx';
import { QueryToggle } from '../../parts/search-tools.tsx';
import { Segments } from '../../parts/segments.tsx';
import { Empty, notOffered, ProblemNote } from '../../parts/states.tsx';
import { href, query, setQuery } from '../../router.ts';
import { system } from '../../shell/system.ts';
import { Canvas } from './canvas.tsx';
import { type MapPicture, toPicture } from './picture.ts';
import { ServicePanel } from './service-panel.tsx';
import { ServiceTable } from './service-table.tsx';

type View = 'picture' | 'table';

const everyMs = 1_000;
/** Rates are of so long a time: short enough to see what happens now. */
const windowMs = 60_000;

/** Services and what flows between them, live. */
export function MapPage(): JSX.Element {
  const traffic = useResource<ServiceMap>(
    () => href('/api/map', { from: new Date(Date.now() - windowMs).toISOString() }),
    { everyMs, key: 'map' },
  );
  const everything = toPicture(system.value, traffic.value);
  // All services talk to databases: links to them hide those that tell something.
  const whole = query('databases') === 'yes' ? everything : withoutDatabases(everything);
  const [chosen, text] = [query('service'), query('find')];
  const isNarrow = query('near') !== '' && whole.nodes.some(({ name }) => name === chosen);
  const picture = isNarrow ? neighbourhood(whole, chosen) : whole;
  const view = viewNow();
  const isEmpty = system.value !== undefined && whole.nodes.length === 0;
  return (
    <>
      <PageHead title="Map" about={aboutOf(whole)} />
      <div class="toolbar">
        <input
          type="search"
          placeholder="Find a service"
          aria-label="Find a service"
          value={text}
          onInput={({ currentTarget }) => setQuery({ find: currentTarget.value }, { replace: true })}
        />
        <Segments<View>
          label="View"
          options={[
            { value: 'picture', title: 'Picture' },
            { value: 'table', title: 'Table' },
          ]}
          value={view}
          onChange={(next) => setQuery({ view: next })}
        />
        {chosen !== '' && (
          <button
            type="button"
            class="button"
            aria-pressed={isNarrow}
            onClick={() => setQuery({ near: isNarrow ? undefined : 'yes' })}
          >
            Only what is near {chosen}
          </button>
        )}
        <QueryToggle name="databases" title="Databases" />
        <span class="soft small">Last minute</span>
      </div>
      {traffic.problem !== undefined && traffic.problem.reason !== notOffered && (
        <ProblemNote error={traffic.problem} />
      )}
      {isEmpty && <Empty title="No services yet.">A system's services appear here when it starts.</Empty>}
      <div class={chosen === '' ? '' : 'split'}>
        <div class="card">
          {view === 'picture' ? (
            <Canvas picture={picture} chosen={chosen} find={text} />
          ) : (
            <ServiceTable picture={picture} chosen={chosen} find={text} />
          )}
        </div>
        {chosen !== '' && <ServicePanel name={chosen} picture={everything} />}
      </div>
    </>
  );
}

/** A telephone is too narrow for the picture, unless it is asked for. */
function viewNow(): View {
  const asked = query('view');
  if (asked === 'picture' || asked === 'table') return asked;
  return matchMedia('(max-width: 600px)').matches ? 'table' : 'picture';
}

function aboutOf({ nodes }: MapPicture): string {
  const services = nodes.filter(({ service }) => service !== undefined);
  if (services.length === 0) return '';
  const groups = new Set(services.map(({ service }) => service?.group)).size;
  const ill = services.filter(({ standing }) => standing.tone === 'bad').length;
  const where = groups === 1 ? 'in one process' : `in ${groups} processes`;
  // The gateway has a node, and is none of the services that a system lists.
  const count = services.filter(({ name }) => name !== 'gateway').length;
  const what = `${plural(count, 'service')}${count === services.length ? '' : ' and the gateway'}`;
  return `${what} ${where}, ${ill === 0 ? 'all healthy' : `${ill} not healthy`}`;
}

function withoutDatabases({ nodes, links }: MapPicture): MapPicture {
  return {
    nodes: nodes.filter(({ kind }) => kind !== 'database'),
    links: links.filter(({ kind }) => kind !== 'database'),
  };
}

function neighbourhood({ nodes, links }: MapPicture, centre: string): MapPicture {
  const near = links.filter(({ from, to }) => from === centre || to === centre);
  const names = new Set([centre, ...near.flatMap(({ from, to }) => [from, to])]);
  return { nodes: nodes.filter(({ name }) => names.has(name)), links: near };
}
