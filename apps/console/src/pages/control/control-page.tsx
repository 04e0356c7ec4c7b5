import type { JSX } from 'preact';
import { post } from '../../data/api.ts';
import type { SystemService } from '../../data/api-types.ts';
import { formatMs } from '../../format.ts';
import { ask } from '../../parts/ask.tsx';
import { Badge, type Tone } from '../../parts/badge.tsx';
import { notify } from '../../parts/notices.tsx';
import { PageHead } from '../../parts/page-head.tsx';
import { Empty } from '../../parts/states.tsx';
import { Ago } from '../../parts/time.tsx';
import { href } from '../../router.ts';
import { system } from '../../shell/system.ts';

type Action = 'stop' | 'start' | 'restart' | 'pause' | 'resume';

const titles: Record<Action, string> = {
  stop: 'Stop',
  start: 'Start',
  restart: 'Restart',
  pause: 'Pause',
  resume: 'Go on',
};

const tones: Readonly<Record<string, Tone>> = {
  ready: 'good',
  starting: 'note',
  paused: 'warn',
  stopping: 'note',
  stopped: 'plain',
  waiting: 'bad',
};

/** What each state admits. */
const offered: Readonly<Record<string, readonly Action[]>> = {
  ready: ['pause', 'restart', 'stop'],
  paused: ['resume', 'stop'],
  stopped: ['start'],
  waiting: ['stop'],
};

/** The processes of a development system, to see what happens when one is not there. */
export function ControlPage(): JSX.Element {
  const now = system.value;
  const groups = [...Map.groupBy(now?.services ?? [], ({ group }) => group)];
  return (
    <>
      <PageHead
        title="Control"
        about="Take a part away, or make it slow, and watch the others: calls wait or fail, events wait."
      />
      {now !== undefined && !now.development && (
        <Empty title="Not in production.">Processes are controlled from here in development alone.</Empty>
      )}
      {now?.development === true && groups.length === 1 && (
        <Empty title="The whole system runs in one process.">
          Start it with <code>--split</code>, or with <code>--own printing,orders</code>, to control its
          parts; services can be slowed as it is.
        </Empty>
      )}
      <div class="stack">
        {now?.development === true &&
          groups.map(([group, services]) => (
            <Process key={services[0]?.name ?? group} services={services} isAlone={groups.length === 1} />
          ))}
      </div>
    </>
  );
}

interface ProcessProps {
  readonly services: readonly SystemService[];
  /** The whole system runs in this process: there is nothing to control apart. */
  readonly isAlone: boolean;
}

function Process({ services, isAlone }: ProcessProps): JSX.Element | null {
  const [first] = services;
  const instance = first?.instances[0];
  if (first === undefined || instance === undefined) return null;
  const names = services.map(({ name }) => name);
  return (
    <section class="card process" aria-label={`Process of ${names.join(', ')}`}>
      <header>
        <Badge tone={tones[instance.state] ?? 'plain'}>{instance.state}</Badge>
        <h2>{names.join(', ')}</h2>
        <span class="soft small">
          {instance.pid === undefined ? 'no process' : `process ${instance.pid}`}
          {instance.startedAt === undefined ? '' : ', since '}
          {instance.startedAt !== undefined && <Ago at={instance.startedAt} />}
          {instance.restarts === undefined || instance.restarts === 0
            ? ''
            : `, ended ${instance.restarts} × by itself`}
        </span>
        <div class="buttons">
          {(isAlone ? [] : (offered[instance.state] ?? [])).map((action) => (
            <button
              key={action}
              type="button"
              data-row
              class="button"
              aria-label={`${titles[action]} ${names.join(', ')}`}
              onClick={() => act(first.name, action)}
            >
              {titles[action]}
            </button>
          ))}
        </div>
      </header>
      <ul class="body process-parts">
        {services.map((service) => (
          <li key={service.name}>
            <a href={href('/', { service: service.name })}>{service.name}</a>
            <span class="buttons">
              {service.name !== 'gateway' && <Delay service={service} />}
              {!isAlone && (
                <button
                  type="button"
                  class="button"
                  onClick={() => move(service.name, services.length > 1 ? 'split' : 'merge')}
                >
                  {services.length > 1 ? 'Give it a process of its own' : 'Merge into another process'}
                </button>
              )}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

const delaysMs = [0, 100, 300, 1_000, 3_000, 10_000];

/** For how long each call to a service is held up. */
function Delay({
  service: { name, delayMs = 0, isHealthy },
}: {
  readonly service: SystemService;
}): JSX.Element {
  // Another one may have been set from the terminal.
  const offeredMs = [...new Set([...delaysMs, delayMs])].toSorted((a, b) => a - b);
  return (
    <label class="field is-inline">
      <span class="soft small">Each call waits</span>
      <select
        aria-label={`Each call to ${name} waits`}
        disabled={!isHealthy}
        value={String(delayMs)}
        onChange={({ currentTarget }) => slow(name, Number(currentTarget.value))}
      >
        {offeredMs.map((each) => (
          <option key={each} value={String(each)}>
            {each === 0 ? 'not at all' : formatMs(each)}
          </option>
        ))}
      </select>
    </label>
  );
}

function slow(service: string, delayMs: number): void {
  const word = delayMs === 0 ? `${service} is not held up any more.` : `Slowed: ${service}.`;
  post(`/api/control/${encodeURIComponent(service)}`, { action: 'slow', delayMs }).then(
    () => notify(word),
    (error: Error) => notify(error.message, { isBad: true }),
  );
}

async function control(service: string, action: string): Promise<void> {
  await post(`/api/control/${encodeURIComponent(service)}`, { action });
}

function act(service: string, action: Action): void {
  control(service, action).then(
    () => notify(`${titles[action]}: ${service}.`),
    (error: Error) => notify(error.message, { isBad: true }),
  );
}

function move(service: string, action: 'split' | 'merge'): void {
  ask({
    title: action === 'split' ? `Split off ${service}?` : `Merge ${service} into another process?`,
    text: 'The processes concerned stop, finishing what they accepted, and start again. Their callers wait or retry.',
    action: action === 'split' ? 'Split off' : 'Merge',
    async run() {
      await control(service, action);
      return action === 'split' ? `${service} has a process of its own.` : `${service} shares a process.`;
    },
  });
}
