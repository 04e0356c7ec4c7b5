import { exampleOf, type JsonSchema, type Operation, takesJsonBody, toJsonSchema } from '@banyan/contract';

/** A command that calls `operation`, ready to paste into a shell. */
export function curlLine(operation: Operation, origin: string, signedIn: boolean): string {
  const schema = toJsonSchema(operation.input, 'input');
  const input = exampleOf(schema) as Record<string, unknown>;
  const fields = { ...pathExamples(operation, schema), ...input };
  const path = operation.path.replaceAll(/:([^/]+)/g, (_, name: string) =>
    encodeURIComponent(String(fields[name] ?? name)),
  );
  const rest = Object.entries(input).filter(
    ([name]) => !operation.pathNames.includes(name) && !Object.hasOwn(operation.headers, name),
  );
  const inBody = takesJsonBody(operation);
  const query = inBody ? '' : new URLSearchParams(rest.flatMap(toPairs)).toString();
  const words = ['curl'];
  if (operation.method !== 'GET') words.push('-X', operation.method);
  words.push(quote(`${origin}${path}${query === '' ? '' : `?${query}`}`));
  if (signedIn) words.push('-H', '"authorization: Bearer $TOKEN"');
  if (operation.upload !== undefined) {
    words.push('-H', quote(`content-type: ${operation.upload.types[0]}`), '--data-binary', '@file');
  } else if (inBody) {
    words.push('-H', quote('content-type: application/json'));
    words.push('-d', quote(JSON.stringify(Object.fromEntries(rest))));
  }
  return words.join(' ');
}

function pathExamples(operation: Operation, schema: JsonSchema): Record<string, unknown> {
  const properties = (schema.properties ?? {}) as Readonly<Record<string, JsonSchema>>;
  return Object.fromEntries(
    operation.pathNames.map((name) => {
      const property = properties[name];
      return [name, property === undefined ? name : exampleOf(property, schema)];
    }),
  );
}

function toPairs([name, value]: [string, unknown]): [string, string][] {
  return Array.isArray(value) ? value.map((item) => [name, String(item)]) : [[name, String(value)]];
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
