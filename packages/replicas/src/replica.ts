import { ServiceError, type Sql } from '@banyan/core';
import type { Change, ReplicaContract } from './replica-contract.ts';
import { createReplicaStore, type PendingChange, type ReplicaStore } from './replica-store.ts';

export interface ReplicaOptions<Value> {
  readonly self: ReplicaContract;
  /** The contracts of all other replicas. */
  readonly peers: readonly ReplicaContract[];
  /**
   * Joins two values of one key that were written without knowing of each other. It must not matter in which order, how grouped or how often values
   * are joined (a join of a CRDT: Shapiro et al., 2011). Default: the last writer wins, by Lamport clock, then by the replica's name.
   */
  readonly merge?: (left: Value, right: Value) => Value;
}

/** What a replica uses of the transaction of an operation, or of a consumer. */
export interface ReplicaTransaction {
  readonly sql: Sql;
  readonly emit: (name: never, data: never) => void;
}

/** What a replica uses of an operation's context to ask its peers. */
export interface ReplicaContext {
  readonly sql: Sql;
  readonly call: object;
}

export interface ReplicaStatus {
  /** Own changes that some peer has not applied yet. */
  readonly pending: number;
  /** Age of the oldest of them: how far the farthest peer is behind. 0 if there is none. */
  readonly lagMs: number;
}

export interface Reconciliation {
  readonly compared: number;
  /** Keys that differed and no longer do. */
  readonly repaired: readonly string[];
}

/**
 * One replica of a service: the same data in a database of its own, changed anywhere, equal everywhere in the end.
 *
 * - **Atomicity**: a write, its entry in the pending log and the event that carries it commit together.
 * - **Order**: changes of one replica are applied by each peer in the order of their commits, each once.
 * - **Convergence**: replicas that have applied the same changes hold the same values, whatever the order between replicas.
 * - **Concurrency**: own writes take turns from `write` to the commit, so make it the last thing but few statements.
 */
export interface Replica<Value> {
  readonly name: string;
  /** Consumers for the service's `on`, by `peer.event`; each peer is named in `uses` by its contract's name. */
  readonly on: Readonly<Record<string, (data: never, transaction: ReplicaTransaction) => Promise<void>>>;
  write(transaction: ReplicaTransaction, key: string, value: Value): Promise<void>;
  remove(transaction: ReplicaTransaction, key: string): Promise<void>;
  /** Undefined if there is no such key, or it was removed. */
  read(sql: Sql, key: string): Promise<Value | undefined>;
  /** The pending-transactions log: own changes, oldest first, until every peer has applied them. */
  pending(sql: Sql): Promise<readonly PendingChange[]>;
  status(sql: Sql): Promise<ReplicaStatus>;
  /**
   * A new replica must not answer before it knows what its peers knew when it joined. Cheap once it has caught up.
   * @throws ServiceError `unavailable` `replica_behind`, or what calling a peer throws, until then
   */
  requireCaughtUp(context: ReplicaContext): Promise<void>;
  /** Compares every key with each peer's, and repairs what differs without a change on its way; for when somebody has touched a table by hand. */
  reconcile(context: ReplicaContext, transact: Transact): Promise<Reconciliation>;
  /** Handlers for `replicaOperations`. */
  readonly operations: {
    replicaHead(input: object, context: { readonly sql: Sql }): Promise<{ seq: number }>;
    replicaEntries(
      input: { readonly after: string; readonly limit: number },
      context: { readonly sql: Sql },
    ): Promise<{ entries: Change<Value>[] }>;
  };
}

/** `tx` of an operation's context. */
export type Transact = <Result>(
  work: (transaction: ReplicaTransaction) => Promise<Result>,
) => Promise<Result>;

/** @throws TypeError if a replica is its own peer */
export function defineReplica<Value>(options: ReplicaOptions<Value>): Replica<Value> {
  const names = [options.self, ...options.peers].map(({ name }) => name);
  if (new Set(names).size < names.length)
    throw new TypeError(`replica '${names[0]}': name each peer once, and not itself.`);
  return new ServiceReplica(options);
}

interface PeerClient<Value> {
  replicaHead(input: object): Promise<{ seq: number }>;
  replicaEntries(input: { after: string; limit: number }): Promise<{ entries: Change<Value>[] }>;
}

const pageSize = 200;

class ServiceReplica<Value> implements Replica<Value> {
  readonly name: string;
  readonly on: Replica<Value>['on'];
  readonly operations: Replica<Value>['operations'];
  readonly #peers: readonly string[];
  readonly #merge: ((left: Value, right: Value) => Value) | undefined;
  readonly #store: ReplicaStore<Value>;
  #isCaughtUp = false;

  constructor({ self, peers, merge }: ReplicaOptions<Value>) {
    this.name = self.name;
    this.#peers = peers.map(({ name }) => name);
    this.#merge = merge;
    this.#store = createReplicaStore<Value>(self.name);
    this.on = Object.fromEntries(
      this.#peers.flatMap((peer) => [
        [`${peer}.changed`, (change: Change<Value>, tx: ReplicaTransaction) => this.#apply(change, tx)],
        [`${peer}.applied`, (note: Applied, { sql }: ReplicaTransaction) => this.#acknowledge(note, sql)],
      ]),
    );
    this.operations = {
      replicaHead: async (_input, { sql }) => ({ seq: await this.#store.head(sql) }),
      replicaEntries: async ({ after, limit }, { sql }) => ({
        entries: (await this.#store.page(sql, after, limit)).map((entry) => ({ ...entry, seq: 0 })),
      }),
    };
  }

  write(transaction: ReplicaTransaction, key: string, value: Value): Promise<void> {
    return this.#change(transaction, key, value);
  }

  remove(transaction: ReplicaTransaction, key: string): Promise<void> {
    return this.#change(transaction, key, undefined);
  }

  async read(sql: Sql, key: string): Promise<Value | undefined> {
    return (await this.#store.find(sql, key))?.value;
  }

  pending(sql: Sql): Promise<readonly PendingChange[]> {
    return this.#store.pending(sql);
  }

  async status(sql: Sql): Promise<ReplicaStatus> {
    const pending = await this.#store.pending(sql);
    return { pending: pending.length, lagMs: pending[0]?.ageMs ?? 0 };
  }

  async requireCaughtUp({ sql, call }: ReplicaContext): Promise<void> {
    if (this.#isCaughtUp) return;
    for (const peer of this.#peers) {
      const { seq, caughtUp } = await this.#store.applied(sql, peer);
      if (caughtUp) continue;
      const head = await clientOf<Value>(call, peer).replicaHead({});
      if (seq < head.seq) throw behind(this.name, { peer, seq, head: head.seq });
      await this.#store.markCaughtUp(sql, peer);
    }
    this.#isCaughtUp = true;
  }

  async reconcile({ call }: ReplicaContext, transact: Transact): Promise<Reconciliation> {
    let compared = 0;
    const repaired: string[] = [];
    for (const peer of this.#peers) {
      for (let after: string | undefined = ''; after !== undefined; ) {
        const { entries } = await clientOf<Value>(call, peer).replicaEntries({ after, limit: pageSize });
        compared += entries.length;
        for (const theirs of entries) {
          if (await transact((transaction) => this.#repair(transaction, theirs))) repaired.push(theirs.key);
        }
        after = entries.length < pageSize ? undefined : entries.at(-1)?.key;
      }
    }
    return { compared, repaired };
  }

  async #change(transaction: ReplicaTransaction, key: string, value: Value | undefined): Promise<void> {
    const { sql } = transaction;
    const change: Change<Value> = { origin: this.name, key, value, ...(await this.#store.tick(sql)) };
    await this.#store.put(sql, change);
    if (this.#peers.length > 0) await this.#store.remember(sql, change, this.#peers);
    emit(transaction, 'changed', change);
  }

  async #apply(change: Change<Value>, transaction: ReplicaTransaction): Promise<void> {
    const { sql } = transaction;
    const { origin, seq } = change;
    if (!(await this.#store.advance(sql, origin, seq))) {
      const applied = await this.#store.applied(sql, origin);
      if (seq > applied.seq) throw gap(origin, seq, applied.seq);
    } else {
      await this.#store.witness(sql, change.version);
      await this.#absorb(sql, change);
    }
    emit(transaction, 'applied', { origin, seq, by: this.name });
  }

  /** Joins a value from elsewhere with the own one. */
  async #absorb(sql: Sql, change: Omit<Change<Value>, 'seq'>): Promise<void> {
    const own = await this.#store.find(sql, change.key);
    await this.#store.put(sql, own === undefined ? change : this.#join(own, change));
  }

  /** The newer one of two entries; with a `merge`, the newer place with the joined value. */
  #join(left: Omit<Change<Value>, 'seq'>, right: Omit<Change<Value>, 'seq'>): Omit<Change<Value>, 'seq'> {
    const newer = isNewer(left, right) ? left : right;
    if (this.#merge === undefined || left.value === undefined || right.value === undefined) return newer;
    return { ...newer, value: this.#merge(left.value, right.value) };
  }

  async #acknowledge({ origin, seq, by }: Applied, sql: Sql): Promise<void> {
    if (origin === this.name) await this.#store.acknowledge(sql, seq, by);
  }

  /**
   * What is missing is taken as the peer has it, with its version: a newer write or removal that is on its way still wins. Same place, other value: nothing
   * on its way will mend that. The one whose text is greater wins, everywhere, as a new change.
   */
  async #repair(transaction: ReplicaTransaction, theirs: Change<Value>): Promise<boolean> {
    const { sql } = transaction;
    const own = await this.#store.find(sql, theirs.key);
    if (own === undefined) {
      if (await this.#isOnItsWay(sql, theirs)) return false;
      await this.#store.witness(sql, theirs.version);
      await this.#absorb(sql, theirs);
      return true;
    }
    const isTwin = own.version === theirs.version && own.origin === theirs.origin;
    if (!isTwin || textOf(own) === textOf(theirs)) return false;
    const winner = textOf(own) > textOf(theirs) ? own : theirs;
    await this.#change(transaction, theirs.key, winner.value);
    return true;
  }

  /** True for a key that this replica will still hear of. */
  async #isOnItsWay(sql: Sql, { origin, version }: Change<Value>): Promise<boolean> {
    if (origin === this.name) return false;
    const [row] = await sql<{ version: number }>`
      select version from banyan.replica_clock where replica = ${this.name}`;
    return version > (row?.version ?? 0);
  }
}

interface Applied {
  readonly origin: string;
  readonly seq: number;
  readonly by: string;
}

function isNewer<Value>(left: Omit<Change<Value>, 'seq'>, right: Omit<Change<Value>, 'seq'>): boolean {
  return left.version === right.version ? left.origin > right.origin : left.version > right.version;
}

function textOf({ value }: { readonly value?: unknown }): string {
  return value === undefined ? '' : JSON.stringify(value);
}

function emit(transaction: ReplicaTransaction, name: string, data: unknown): void {
  transaction.emit(name as never, data as never);
}

function clientOf<Value>(call: object, peer: string): PeerClient<Value> {
  const client = (call as Readonly<Record<string, PeerClient<Value> | undefined>>)[peer];
  if (client === undefined) throw new TypeError(`name the peer '${peer}' in 'uses' by its contract's name.`);
  return client;
}

function behind(
  name: string,
  { peer, seq, head }: { peer: string; seq: number; head: number },
): ServiceError {
  return new ServiceError(
    `'${name}' has applied ${seq} of ${head} changes of '${peer}' and does not answer yet.`,
    {
      code: 'unavailable',
      reason: 'replica_behind',
    },
  );
}

function gap(origin: string, seq: number, applied: number): ServiceError {
  return new ServiceError(`Change ${seq} of '${origin}' came before ${applied + 1}.`, {
    code: 'unavailable',
    reason: 'replica_gap',
  });
}
