import {
  branchesOf,
  isJsonSchema,
  type JsonSchema,
  type Operation,
  resolveReference,
  type Schema,
  toJsonSchema,
} from '@banyan/contract';
import {
  type GraphQLFieldConfig,
  GraphQLInputObjectType,
  GraphQLList,
  GraphQLNonNull,
  type GraphQLNullableInputType,
  type GraphQLNullableOutputType,
  GraphQLObjectType,
  GraphQLSchema,
  validateSchema,
} from 'graphql';
import { askPart, type QueryRun } from './ask-part.ts';
import type { Query } from './graphql.ts';
import { isGraphqlName } from './graphql-name.ts';
import { jsonScalar, scalarOf } from './scalars.ts';

/** A field that is answered by an operation. */
export interface Resolver {
  /** Unique: type and field. */
  readonly part: string;
  readonly field: string;
  /** The type that it is a field of. */
  readonly type: string;
  readonly query: Query;
  readonly operation: Operation;
  readonly output: Schema;
  /** The type of its answers. */
  readonly named: string;
  /** Field of its type by field of the input. */
  readonly given: Readonly<Record<string, string>>;
}

/** @throws TypeError, with the fix in the text, if two types have one name, or a link leads from nowhere */
export function buildSchema(resolvers: readonly Resolver[]): GraphQLSchema {
  const builder = new SchemaBuilder(resolvers);
  return builder.build();
}

type Fields = Record<string, GraphQLFieldConfig<unknown, QueryRun>>;

class SchemaBuilder {
  readonly #resolvers: readonly Resolver[];
  /** By the text of the schema, so that two operations that answer the same share a type. */
  readonly #outputs = new Map<string, GraphQLObjectType>();
  readonly #inputs = new Map<string, GraphQLInputObjectType>();
  readonly #names = new Set<string>(['Query', 'JSON', 'Int', 'Float', 'String', 'Boolean', 'ID']);
  readonly #linked = new Set<string>();

  constructor(resolvers: readonly Resolver[]) {
    this.#resolvers = resolvers;
  }

  build(): GraphQLSchema {
    const query = new GraphQLObjectType<unknown, QueryRun>({
      name: 'Query',
      fields: () => this.#links('Query', new Set()),
    });
    const schema = new GraphQLSchema({ query });
    const lost = this.#resolvers.find(({ type }) => !this.#linked.has(type));
    if (lost !== undefined) {
      throw new TypeError(
        `graphql(): there is no type '${lost.type}' for '${lost.field}'; there are ${[...this.#names].slice(7).sort().join(', ')}.`,
      );
    }
    const [problem] = validateSchema(schema);
    if (problem !== undefined) throw new TypeError(`graphql(): ${problem.message}`);
    return schema;
  }

  /** The fields of a type that operations answer. */
  #links(type: string, own: ReadonlySet<string>): Fields {
    this.#linked.add(type);
    const fields: Fields = {};
    for (const resolver of this.#resolvers.filter((each) => each.type === type)) {
      const missing = Object.values(resolver.given).find((name) => !own.has(name));
      if (missing !== undefined)
        throw new TypeError(
          `graphql(): '${resolver.part}' needs '${missing}', which '${type}' does not have.`,
        );
      fields[resolver.field] = this.#field(resolver);
    }
    return fields;
  }

  #field(resolver: Resolver): GraphQLFieldConfig<unknown, QueryRun> {
    const { operation, output, named, given } = resolver;
    const root = toJsonSchema(output, 'output');
    const input = toJsonSchema(operation.input, 'input');
    const whole = resolveReference(input, input);
    const properties = Object.entries(isJsonSchema(whole.properties) ? whole.properties : {}).filter(
      ([name]) =>
        !Object.hasOwn(given, name) && !Object.hasOwn(operation.headers, name) && isGraphqlName(name),
    );
    const required = Array.isArray(whole.required) ? whole.required : [];
    const { summary } = operation;
    return {
      // Nullable: it may be refused, and the rest of the answer is good all the same.
      type: this.#output(root, { root, name: named, isGiven: resolver.query.type !== undefined }),
      args: Object.fromEntries(
        properties.map(([name, property]) => {
          const type = this.#input(isJsonSchema(property) ? property : {}, {
            root: input,
            name: `${named}${capital(name)}Input`,
          });
          return [name, { type: required.includes(name) ? new GraphQLNonNull(type) : type }];
        }),
      ),
      ...(summary === undefined ? undefined : { description: summary }),
      resolve: (parent, args, run) => askPart(resolver, { parent, args, run }),
    };
  }

  #output(reference: JsonSchema, at: Place): GraphQLNullableOutputType {
    const { schema } = withoutNull(reference, at.root);
    if (schema.type === 'array')
      return new GraphQLList(this.#nullable(isJsonSchema(schema.items) ? schema.items : {}, at));
    const properties = isJsonSchema(schema.properties) ? schema.properties : undefined;
    if (schema.type !== 'object' || properties === undefined) return scalarOf(schema);
    const names = Object.keys(properties);
    // Fields that GraphQL cannot name, or that nobody declared, make it a value as a whole.
    if (names.length === 0 || !names.every(isGraphqlName)) return jsonScalar;
    const { $schema: _schema, $defs: _defs, ...shape } = schema;
    const text = JSON.stringify([shape, at.root.$defs]);
    const known = this.#outputs.get(text);
    if (known !== undefined) return known;
    const name = this.#free(at.isGiven ? at.name : (this.#titleOf(schema) ?? at.name));
    const type = new GraphQLObjectType<unknown, QueryRun>({
      name,
      fields: () => ({
        ...this.#ownFields(schema, { root: at.root, name }),
        ...this.#links(name, new Set(names)),
      }),
    });
    this.#outputs.set(text, type);
    return type;
  }

  #ownFields(schema: JsonSchema, { root, name }: Place): Fields {
    const required = Array.isArray(schema.required) ? schema.required : [];
    return Object.fromEntries(
      Object.entries(isJsonSchema(schema.properties) ? schema.properties : {}).map(([field, property]) => {
        const at = { root, name: `${name}${capital(field)}` };
        const part = isJsonSchema(property) ? property : {};
        const type = required.includes(field) ? this.#nullable(part, at) : this.#output(part, at);
        return [field, { type }];
      }),
    );
  }

  /** What is always there, unless it may be null itself. */
  #nullable(
    reference: JsonSchema,
    at: Place,
  ): GraphQLNullableOutputType | GraphQLNonNull<GraphQLNullableOutputType> {
    const type = this.#output(reference, at);
    return withoutNull(reference, at.root).mayBeNull || type === jsonScalar ? type : new GraphQLNonNull(type);
  }

  #input(reference: JsonSchema, at: Place): GraphQLNullableInputType {
    const { schema } = withoutNull(reference, at.root);
    if (schema.type === 'array') {
      const item = this.#input(isJsonSchema(schema.items) ? schema.items : {}, at);
      return new GraphQLList(new GraphQLNonNull(item));
    }
    const properties = Object.entries(isJsonSchema(schema.properties) ? schema.properties : {});
    if (schema.type !== 'object' || properties.length === 0) return scalarOf(schema);
    if (!properties.every(([name]) => isGraphqlName(name))) return jsonScalar;
    const text = JSON.stringify([schema, at.root.$defs]);
    const known = this.#inputs.get(text);
    if (known !== undefined) return known;
    const required = Array.isArray(schema.required) ? schema.required : [];
    const name = this.#free(at.name);
    const type = new GraphQLInputObjectType({
      name,
      fields: () =>
        Object.fromEntries(
          properties.map(([field, property]) => {
            const of = this.#input(isJsonSchema(property) ? property : {}, {
              root: at.root,
              name: `${name}${capital(field)}`,
            });
            return [field, { type: required.includes(field) ? new GraphQLNonNull(of) : of }];
          }),
        ),
    });
    this.#inputs.set(text, type);
    return type;
  }

  /** Its own name for it, unless something else has that already. */
  #titleOf({ title }: JsonSchema): string | undefined {
    return typeof title === 'string' && isGraphqlName(title) && !this.#names.has(title) ? title : undefined;
  }

  #free(name: string): string {
    if (this.#names.has(name))
      throw new TypeError(`graphql(): two types are named '${name}'; give one query another 'type'.`);
    this.#names.add(name);
    return name;
  }
}

interface Place {
  /** Where references lead. */
  readonly root: JsonSchema;
  /** For a type that is made here, and has no title. */
  readonly name: string;
  /** The name was asked for, whatever the title. */
  readonly isGiven?: boolean;
}

/** A union of something and null is something that may be null. Other unions stay as they are. */
function withoutNull(
  reference: JsonSchema,
  root: JsonSchema,
): { readonly schema: JsonSchema; readonly mayBeNull: boolean } {
  const schema = resolveReference(reference, root);
  if (Array.isArray(schema.type) && schema.type.includes('null')) {
    const [type, ...others] = schema.type.filter((each) => each !== 'null');
    return { schema: { ...schema, type: others.length === 0 ? type : [type, ...others] }, mayBeNull: true };
  }
  const branches = [...branchesOf(schema, 'anyOf', root), ...branchesOf(schema, 'oneOf', root)];
  const others = branches.filter((branch) => branch.type !== 'null');
  const [only] = others;
  if (others.length === branches.length || only === undefined)
    return { schema, mayBeNull: schema.type === 'null' };
  return { schema: others.length === 1 ? only : schema, mayBeNull: true };
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
