import { type ClientBase, Query, type QueryArrayResult, type QueryConfig } from 'pg';

/** What the driver's queries use of its connection; not in its types. */
interface WireConnection {
  readonly parsedStatements: Readonly<Record<string, unknown>>;
  parse(message: { readonly text: string; readonly name: string }): void;
  bind(message: { readonly statement: string; readonly values: readonly WireValue[] }): void;
  describe(message: { readonly type: 'P' }): void;
  execute(message: object): void;
  sync(): void;
}

/** Of the driver's query class: how it puts itself on the wire, and the result that came last. */
interface WireQuery {
  readonly _result: QueryArrayResult<unknown[]>;
  handleCommandComplete(message: object, connection: WireConnection): void;
  submit(connection: WireConnection): Error | null;
  prepare(connection: WireConnection): void;
  requiresPreparation(): boolean;
}

type Callback = (error: Error | null, result: never) => void;
const DriverQuery = Query as unknown as new (
  config: QueryConfig & { readonly rowMode?: 'array' },
  values: undefined,
  callback: Callback,
) => WireQuery;

/** A parameter as the driver writes it. */
export type WireValue = string | Buffer | null;

const beginName = 'banyan_begin';

class PreparingBegin extends DriverQuery {
  override submit(connection: WireConnection): null {
    connection.parse({ text: 'begin', name: beginName });
    connection.sync();
    return null;
  }
}

/**
 * `begin` and a statement behind one `Sync`, in one round trip. If the server refuses the first it skips the second, so that the statement can never commit
 * by itself, as it could if both were only sent one after the other.
 */
class OpeningQuery extends DriverQuery {
  override requiresPreparation(): boolean {
    return true;
  }

  override prepare(connection: WireConnection): void {
    connection.bind({ statement: beginName, values: [] });
    connection.execute({});
    super.prepare(connection);
  }
}

/** A statement of a group, prepared on the connection. */
export interface GroupMember {
  readonly name: string;
  readonly values: readonly WireValue[];
  /** False if it is known to give no rows: then nobody asks what they would look like. */
  readonly hasRows: boolean;
}

/** What a statement of a group gave. */
export type GroupResult = Pick<QueryArrayResult<unknown[]>, 'fields' | 'rows'>;

const noRows: GroupResult = { fields: [], rows: [] };

class GroupQuery extends DriverQuery {
  /** Of those that were answered; an error is the answer of the one behind them. */
  readonly results: GroupResult[] = [];
  readonly #members: readonly GroupMember[];

  constructor(members: readonly GroupMember[], callback: Callback) {
    super({ text: '', rowMode: 'array' }, undefined, callback);
    this.#members = members;
  }

  override handleCommandComplete(message: object, connection: WireConnection): void {
    if (this.#members[this.results.length]?.hasRows === false) this.results.push(noRows);
    else {
      super.handleCommandComplete(message, connection);
      this.results.push(this._result);
    }
  }

  override requiresPreparation(): boolean {
    return true;
  }

  override prepare(connection: WireConnection): void {
    for (const { name, values, hasRows } of this.#members) {
      connection.bind({ statement: name, values });
      if (hasRows) connection.describe({ type: 'P' });
      connection.execute({});
    }
    connection.sync();
  }
}

/** Call once per connection, before its first {@link sendOpening}. */
export function prepareBegin(client: ClientBase): void {
  submit(client, new PreparingBegin({ text: 'begin' }, undefined, () => {}));
}

/** The result's last part is the statement's. */
export function sendOpening(client: ClientBase, config: QueryConfig, callback: Callback): void {
  // Text without parameters may be several statements, which only the simple protocol takes.
  if (config.values?.length === 0)
    submitText(client, { ...config, text: `begin;\n${config.text}` }, callback);
  else submit(client, new OpeningQuery(config, undefined, callback));
}

/** Only such statements can be in a group: the driver could not tell whose `parse` was answered. */
export function isPrepared(client: ClientBase, name: string): boolean {
  const { connection } = client as unknown as { readonly connection: WireConnection };
  return connection.parsedStatements[name] !== undefined;
}

/**
 * Sends statements of one open transaction behind one `Sync`: the server flushes its answers, and this process wakes up, once instead of for each of them.
 * After a failed one the server skips the others. `callback` gets the results of those before it.
 */
export function sendGroup(
  client: ClientBase,
  members: readonly GroupMember[],
  callback: (error: Error | null, results: readonly GroupResult[]) => void,
): void {
  const group: GroupQuery = new GroupQuery(members, (error) => callback(error, group.results));
  submit(client, group);
}

function submit(client: ClientBase, query: WireQuery): void {
  (client as unknown as { query(query: WireQuery): void }).query(query);
}

function submitText(client: ClientBase, config: QueryConfig, callback: Callback): void {
  (client as unknown as { query(config: QueryConfig, callback: Callback): void }).query(config, callback);
}
