/** An operation as its OpenAPI document has it. */
export interface OperationDocument {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly summary: string;
  readonly document: unknown;
}

type Members = Readonly<Record<string, unknown>>;

export function operationsOf(openApi: unknown): readonly OperationDocument[] {
  return entriesOf(membersOf(openApi)['paths']).flatMap(([path, item]) =>
    entriesOf(item).map(([method, document]) => {
      const { operationId, summary } = membersOf(document);
      // `service.operation`.
      const name =
        String(operationId ?? path)
          .split('.')
          .at(-1) ?? path;
      return { name, method: method.toUpperCase(), path, summary: String(summary ?? ''), document };
    }),
  );
}

export interface EventDocument {
  readonly name: string;
  readonly summary: string;
  readonly document: unknown;
}

export function eventsOf(asyncApi: unknown): readonly EventDocument[] {
  const messages = membersOf(membersOf(asyncApi)['components'])['messages'];
  return entriesOf(messages).map(([name, document]) => ({
    name,
    summary: String(membersOf(document)['summary'] ?? ''),
    document,
  }));
}

function membersOf(value: unknown): Members {
  return typeof value === 'object' && value !== null ? (value as Members) : {};
}

function entriesOf(value: unknown): readonly (readonly [string, unknown])[] {
  return Object.entries(membersOf(value));
}
