import { type ClientBase, Query, type QueryConfig } from 'pg';

/** What the driver's queries use of its connection; not in its types. */
interface WireConnection {
  parse(message: { readonly text: string; readonly name: string }): void;
  bind(message: { readonly statement: string; readonly values: readonly never[] }): void;
  execute(message: object): void;
  sync(): void;
}

/** Of the driver's query class: how it puts itself on the wire. */
interface WireQuery {
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

function submit(client: ClientBase, query: WireQuery): void {
  (client as unknown as { query(query: WireQuery): void }).query(query);
}

function submitText(client: ClientBase, config: QueryConfig, callback: Callback): void {
  (client as unknown as { query(config: QueryConfig, callback: Callback): void }).query(config, callback);
}
