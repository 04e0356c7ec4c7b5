import type { Contract } from './contract.ts';
import { createDocumentSchemas, type DocumentSchemas } from './document-schemas.ts';
import { clientHeader, sessionHeader, takesJsonBody } from './http-binding.ts';
import { isJsonSchema, type JsonSchema, resolveReference, toJsonSchema } from './json-schema.ts';
import { contentOf, jsonOnly, type MediaTypes } from './media-types.ts';
import { type ObjectField, objectFields } from './object-fields.ts';
import { openApiResponses, problemSchema, sharedResponses } from './open-api-responses.ts';
import type { Operation } from './operation.ts';

export interface OpenApiOptions {
  readonly title: string;
  readonly version: string;
  readonly description?: string;
  readonly license?: { readonly name: string; readonly identifier?: string; readonly url?: string };
  /** Every operation of these contracts, unsecured. */
  readonly contracts?: readonly Contract[];
  /** Single operations, such as those that a gateway exposes. */
  readonly operations?: readonly DocumentedOperation[];
  /** Default: the address that the document was read from. */
  readonly servers?: readonly { readonly url: string; readonly description?: string }[];
}

export interface DocumentedOperation {
  readonly contract: Contract;
  /** An operation of the contract, as `contract.operations` holds it. */
  readonly operation: Operation;
  /** True if a request needs a bearer token. */
  readonly secured?: boolean;
  /** What stands in front of the service also speaks other formats than JSON. */
  readonly mediaTypes?: MediaTypes;
}

/** A document of OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1): a JSON value. */
export type OpenApiDocument = Readonly<Record<string, unknown>>;

/** Describes operations for tools. `operationId` is `service.operation`. */
export function toOpenApi(options: OpenApiOptions): OpenApiDocument {
  const documented = [
    ...(options.contracts ?? []).flatMap((contract) =>
      Object.values(contract.operations).map((operation): DocumentedOperation => ({ contract, operation })),
    ),
    ...(options.operations ?? []),
  ];
  const { title, version, description, license } = options;
  const schemas = createDocumentSchemas({ Problem: problemSchema });
  const paths = pathsOf(documented, schemas);
  const secured = documented.some((entry) => entry.secured === true);
  return {
    openapi: '3.1.0',
    info: { title, version, ...given({ description, license }) },
    servers: options.servers ?? [{ url: '/' }],
    tags: tagsOf(documented),
    paths,
    components: {
      schemas: schemas.components,
      responses: sharedResponses(documented),
      ...(secured
        ? { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } }
        : undefined),
    },
  };
}

/** The entries that have a value. */
export function given(entries: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined));
}

/** `placeOrder` → `Place order`. */
export function toWords(name: string): string {
  const words = name.replace(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function tagsOf(documented: readonly DocumentedOperation[]): readonly object[] {
  const contracts = new Map(documented.map(({ contract }) => [contract.name, contract]));
  return [...contracts.values()].map(({ name, version, description }) => ({
    name,
    description: description ?? `Operations of ${name} ${version}.`,
  }));
}

function pathsOf(documented: readonly DocumentedOperation[], schemas: DocumentSchemas): object {
  const paths: Record<string, Record<string, unknown>> = {};
  const templates = new Map<string, readonly string[]>();
  for (const entry of documented) {
    // OpenAPI wants one template per path, whatever each operation calls the names in it.
    const shape = entry.operation.path.replace(/:[^/]+/g, ':');
    const names = templates.get(shape) ?? entry.operation.pathNames;
    templates.set(shape, names);
    let index = 0;
    const template = shape.replace(/:/g, () => `{${names[index++]}}`);
    const item = paths[template] ?? {};
    item[entry.operation.method.toLowerCase()] = describeOperation(entry, { names, schemas });
    paths[template] = item;
  }
  return paths;
}

interface Scope {
  /** Names of the path's parameters in the document. */
  readonly names: readonly string[];
  readonly schemas: DocumentSchemas;
}

function describeOperation(
  { contract, operation, secured, mediaTypes }: DocumentedOperation,
  scope: Scope,
): object {
  const parameters = parametersOf(operation, scope);
  return {
    operationId: `${contract.name}.${operation.name}`,
    tags: [contract.name],
    summary: operation.summary ?? toWords(operation.name),
    ...given({
      description: operation.description,
      parameters: parameters.length === 0 ? undefined : parameters,
      requestBody: requestBodyOf(operation, mediaTypes ?? jsonOnly, scope),
    }),
    responses: openApiResponses(operation, { secured: secured === true, schemas: scope.schemas, mediaTypes }),
    security: secured === true ? [{ bearer: [] }] : [],
  };
}

function parametersOf(operation: Operation, { names, schemas }: Scope): readonly object[] {
  const schema = toJsonSchema(operation.input, 'input');
  const fields = objectFields(schema)?.fields ?? new Map<string, ObjectField>();
  const describe = (name: string, field: ObjectField | undefined) => {
    const parts = (field?.schemas ?? []).map((part) => {
      const owner = { service: operation.service, name: `${operation.name}.${name}` };
      return schemas.add({ ...part, $defs: { ...asObject(schema.$defs), ...asObject(part.$defs) } }, owner);
    });
    const different = [...new Map(parts.map((part) => [JSON.stringify(part), part])).values()];
    const [only = {}] = different;
    return different.length > 1 ? { anyOf: different } : only;
  };
  const inPath = operation.pathNames.map((name, index) => ({
    name: names[index] ?? name,
    in: 'path',
    required: true,
    schema: describe(name, fields.get(name)),
  }));
  const inHeaders = Object.entries(operation.headers)
    // The media types of the responses say the one, and OpenAPI ignores a parameter of this name; the gateway says the others.
    .filter(([, header]) => !['accept', clientHeader, sessionHeader].includes(header))
    .map(([name, header]) => ({
      name: header,
      in: 'header',
      required: false,
      schema: describe(name, fields.get(name)),
    }));
  if (takesJsonBody(operation)) return [...inPath, ...inHeaders];
  const elsewhere = notInBody(operation);
  const inQuery = [...fields]
    .filter(([name]) => !elsewhere.includes(name))
    .map(([name, field]) => ({ name, in: 'query', required: field.required, schema: describe(name, field) }));
  return [...inPath, ...inQuery, ...inHeaders];
}

/** Input fields that travel in the path or in headers. */
function notInBody({ pathNames, headers }: Operation): readonly string[] {
  return [...pathNames, ...Object.keys(headers)];
}

function requestBodyOf(operation: Operation, { bodies }: MediaTypes, { schemas }: Scope): object | undefined {
  const { upload } = operation;
  if (upload !== undefined) {
    return {
      required: true,
      description: `At most ${upload.maxBytes} bytes.`,
      content: Object.fromEntries(upload.types.map((type) => [type, {}])),
    };
  }
  if (!takesJsonBody(operation)) return undefined;
  const schema = toJsonSchema(operation.input, 'input');
  const elsewhere = notInBody(operation);
  const fields = [...(objectFields(schema)?.fields ?? [])].filter(([name]) => !elsewhere.includes(name));
  const body = withoutFields(schema, elsewhere, schema);
  return {
    required: fields.some(([, field]) => field.required),
    content: contentOf(
      bodies,
      schemas.add(
        { ...body, ...given({ $defs: schema.$defs }) },
        { service: operation.service, name: `${operation.name}.body` },
      ),
    ),
  };
}

/** An object schema without the fields that travel elsewhere. */
function withoutFields(reference: JsonSchema, names: readonly string[], root: JsonSchema): JsonSchema {
  if (names.length === 0) return reference;
  const { properties, required, ...schema } = resolveReference(reference, root);
  const branches = ['allOf', 'anyOf', 'oneOf']
    .filter((keyword) => Array.isArray(schema[keyword]))
    .map((keyword) => [
      keyword,
      (schema[keyword] as unknown[]).map((branch) =>
        isJsonSchema(branch) ? withoutFields(branch, names, root) : branch,
      ),
    ]);
  const kept = Object.entries(asObject(properties)).filter(([name]) => !names.includes(name));
  const needed = Array.isArray(required) ? required.filter((name) => !names.includes(name)) : [];
  return {
    ...schema,
    ...Object.fromEntries(branches),
    ...given({
      properties: properties === undefined ? undefined : Object.fromEntries(kept),
      required: needed.length === 0 ? undefined : needed,
    }),
  };
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return isJsonSchema(value) ? value : {};
}
