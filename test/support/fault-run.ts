import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { BrokerUnderFault } from './broker-under-fault.ts';
import type { DatabaseUnderFault } from './database-under-fault.ts';
import { bookkeeper } from './event-chaos.ts';
import type { Fault, FaultKind } from './fault-plan.ts';
import type { Places } from './host-places.ts';

/** What faults strike. */
export interface FaultTargets {
  readonly places: Places;
  /** Which places host the services. */
  readonly relays: readonly number[];
  readonly consumers: readonly number[];
  readonly database: DatabaseUnderFault;
  /** Undefined: the database carries the events. */
  readonly broker: BrokerUnderFault | undefined;
}

/** Relay lease, membership and claims last 15 s. */
const pastLeasesMs = 16_000;
const readyTimeoutMs = 90_000;

/** Strikes as planned; what takes its time goes on while the next ones strike. Resolves when everything is healed; returns what struck: faults by kind, and sessions of the database that were ended. */
export async function strike(
  faults: readonly Fault[],
  targets: FaultTargets,
): Promise<{ readonly counts: ReadonlyMap<FaultKind, number>; readonly sessions: number }> {
  const counts = new Map<FaultKind, number>();
  let sessions = 0;
  const endSessions = async (suffix: string, { strength }: Fault) => {
    const share = 0.1 + strength * 0.9;
    sessions += await targets.database.endSessions(suffix, { share, except: bookkeeper });
  };
  const pending = new Set<Promise<void>>();
  const failures: unknown[] = [];
  // One after the other for what strikes everybody.
  let common: Promise<void> = Promise.resolve();
  const goOn = (work: Promise<void>) => {
    const tracked = work.catch((error) => void failures.push(error)).finally(() => pending.delete(tracked));
    pending.add(tracked);
    return tracked;
  };
  for (const fault of faults) {
    await pause(fault.waitMs);
    if (failures.length > 0) throw failures[0];
    targets.places.assertAlive();
    if (isCommon(fault.kind)) {
      await common;
      common = goOn(strikeAll(fault, targets));
    } else await strikeOne(fault, targets, { goOn: (work) => void goOn(work), endSessions });
    counts.set(fault.kind, (counts.get(fault.kind) ?? 0) + 1);
  }
  await Promise.all(pending);
  if (failures.length > 0) throw failures[0];
  return { counts, sessions };
}

function isCommon(kind: FaultKind): boolean {
  return kind === 'pause broker' || kind === 'kill broker' || kind === 'kill database server';
}

async function strikeAll({ kind, strength }: Fault, { broker, database }: FaultTargets): Promise<void> {
  if (kind === 'kill database server') await database.kill();
  else if (kind === 'kill broker') await broker?.kill();
  else await broker?.pause(200 + strength * 2_000);
}

interface Means {
  /** Lets work end later. */
  goOn(work: Promise<void>): void;
  endSessions(suffix: string, fault: Fault): Promise<void>;
}

async function strikeOne(
  fault: Fault,
  { places, relays, consumers, broker }: FaultTargets,
  { goOn, endSessions }: Means,
): Promise<void> {
  const { kind, place, strength } = fault;
  const suspend = async (index: number, ms: number) => {
    places.suspend(index);
    await pause(ms);
    places.resume(index);
  };
  switch (kind) {
    case 'kill relay':
      return places.kill(await someReady(places, relays, place));
    case 'kill consumer':
      return places.kill(await someReady(places, consumers, place));
    case 'end relay sessions':
      return endSessions('source', fault);
    case 'end consumer sessions':
      return endSessions('sink', fault);
    case 'break broker connections':
      return broker === undefined ? endSessions('platform', fault) : broker.breakConnections(strength);
    case 'suspend process':
      return goOn(suspend(await someReady(places, [...relays, ...consumers], place), 50 + strength * 1_500));
    case 'suspend process past its leases':
      return goOn(
        suspend(await someReady(places, [...relays, ...consumers], place), pastLeasesMs + strength * 2_000),
      );
    case 'pause broker':
    case 'kill broker':
    case 'kill database server':
      throw new TypeError(`'${kind}' strikes everybody.`);
  }
}

/** The one that the plan names, or the next one that is ready. */
async function someReady(places: Places, indexes: readonly number[], place: number): Promise<number> {
  const first = Math.floor(place * indexes.length);
  for (const endMs = Date.now() + readyTimeoutMs; ; ) {
    for (let step = 0; step < indexes.length; step += 1) {
      const index = indexes[(first + step) % indexes.length] ?? 0;
      if (places.isReady(index)) return index;
    }
    places.assertAlive();
    assert.ok(Date.now() < endMs, 'no process got ready');
    await pause(5);
  }
}
