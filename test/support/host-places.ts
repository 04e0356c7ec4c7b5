import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ChaosHostOrder, ChaosHostPlan } from '../chaos/event-system/host.ts';

const hostFile = fileURLToPath(new URL('../chaos/event-system/host.ts', import.meta.url));

/** Places for processes of the system in test/chaos/event-system: who dies is followed by another of the same name. */
export interface Places {
  /** Kills the process of a place and puts another there, without waiting until it is ready. */
  kill(index: number): void;
  /** Lets the process finish what it has in hand and end, and puts another there, of another name. */
  leave(index: number): void;
  /** Lets the process finish and end; resolves when it has. The place stays empty until `fill`. */
  empty(index: number): Promise<void>;
  fill(index: number): void;
  /** SIGSTOP; it is not ready until `resume`. */
  suspend(index: number): void;
  resume(index: number): void;
  isReady(index: number): boolean;
  /** Resolves when the process in this place hosts its services. @throws Error if any has ended by itself */
  ready(index: number): Promise<void>;
  allReady(): Promise<void>;
  /** To every process. */
  order(order: ChaosHostOrder): void;
  /** What a scraper would get from the process of a place. */
  metrics(index: number): Promise<string>;
  /** @throws AssertionError if a process has ended that nobody told to */
  assertAlive(): void;
  /** Ends everything. */
  close(): void;
}

interface Place {
  readonly parts: readonly string[];
  name: string;
  process: ChildProcess | undefined;
  isReady: boolean;
  ready: Promise<void>;
}

type SharedPlan = Omit<ChaosHostPlan, 'instance' | 'parts'>;

/** How many processes are kept loaded, to take a place at once. */
const reserve = 2;
const readyTimeoutMs = 90_000;

export function createPlaces(plan: SharedPlan, parts: readonly (readonly string[])[]): Places {
  const everybody = new Set<ChildProcess>();
  const doomed = new WeakSet<ChildProcess>();
  const deaths: string[] = [];
  const standby: { readonly process: ChildProcess; readonly loaded: Promise<unknown> }[] = [];
  const died = Promise.withResolvers<never>();
  died.promise.catch(() => undefined);
  let filled = 0;

  const load = () => {
    const process = fork(hostFile, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    everybody.add(process);
    process.once('exit', (code, signal) => {
      everybody.delete(process);
      if (doomed.has(process)) return;
      deaths.push(`a process ended by itself: ${code ?? signal}`);
      died.reject(new Error(deaths.at(-1)));
    });
    // A killed process rejects, and nobody asks any more.
    const loaded = once(process, 'message').catch(() => undefined);
    return { process, loaded };
  };
  const fill = (place: Place) => {
    const { process, loaded } = standby.shift() ?? load();
    while (standby.length < reserve) standby.push(load());
    filled += 1;
    const seed = plan.seed + filled;
    place.process = process;
    place.isReady = false;
    place.ready = (async () => {
      await loaded;
      const ready = once(process, 'message');
      tell(process, { ...plan, instance: place.name, parts: place.parts, seed });
      await Promise.race([ready, died.promise]);
      place.isReady = true;
    })();
    // Who is killed before it was ready never is; `ready` is asked again for its successor.
    place.ready.catch(() => undefined);
  };
  const doom = (place: Place) => {
    const { process } = place;
    assert.ok(process !== undefined, 'nobody is in this place');
    doomed.add(process);
    place.isReady = false;
    return process;
  };
  const places = parts.map((services, index): Place => {
    const place = {
      parts: services,
      name: String(index + 1),
      process: undefined,
      isReady: false,
      ready: Promise.resolve(),
    };
    fill(place);
    return place;
  });
  const at = (index: number) => {
    const place = places[index];
    assert.ok(place !== undefined, `there is no place ${index}`);
    return place;
  };

  return {
    kill(index) {
      doom(at(index)).kill('SIGKILL');
      fill(at(index));
    },
    leave(index) {
      const place = at(index);
      tell(doom(place), 'leave');
      // Another name: who leaves may still run when the next one comes.
      place.name = `${index + 1}-${filled}`;
      fill(place);
    },
    async empty(index) {
      const leaver = doom(at(index));
      at(index).process = undefined;
      tell(leaver, 'leave');
      await once(leaver, 'exit');
    },
    fill: (index) => fill(at(index)),
    suspend(index) {
      at(index).isReady = false;
      at(index).process?.kill('SIGSTOP');
    },
    resume(index) {
      at(index).process?.kill('SIGCONT');
      at(index).isReady = true;
    },
    isReady: (index) => at(index).isReady,
    ready: (index) => at(index).ready,
    async allReady() {
      const missing = () => places.flatMap(({ name, isReady }) => (isReady ? [] : [name]));
      const patience = setTimeout(
        () => died.reject(new Error(`these did not get ready: ${missing().join(', ')}`)),
        readyTimeoutMs,
      );
      try {
        await Promise.race([Promise.all(places.map(({ ready }) => ready)), died.promise]);
      } finally {
        clearTimeout(patience);
      }
    },
    order(order) {
      for (const { process } of places) if (process !== undefined) tell(process, order);
    },
    async metrics(index) {
      const { process } = at(index);
      assert.ok(process !== undefined, 'nobody is in this place');
      const answer = once(process, 'message');
      tell(process, 'metrics');
      const [{ metrics }] = (await answer) as [{ readonly metrics: string }];
      return metrics;
    },
    assertAlive: () => assert.deepEqual(deaths, []),
    close() {
      for (const process of everybody) {
        doomed.add(process);
        process.kill('SIGKILL');
      }
    },
  };
}

/** Who is killed meanwhile does not hear it. */
function tell(process: ChildProcess, message: ChaosHostPlan | ChaosHostOrder): void {
  process.send(message, () => undefined);
}
