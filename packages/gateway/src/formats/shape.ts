import { isJsonSchema, type JsonSchema, piecesOf } from '@banyan/contract';

/** Kinds of JSON values but null, which any value may be. */
export const jsonTypes = ['string', 'number', 'boolean', 'object', 'array'] as const;
export type JsonType = (typeof jsonTypes)[number];

/** What a schema says about the value at one place, as far as a notation without types of its own needs to know. */
export interface Shape {
  /** Undefined if values of several types fit. */
  readonly type: JsonType | undefined;
  field(name: string): Shape;
  item(index: number): Shape;
}

export function createShape(schema: JsonSchema): Shape {
  return new SchemaShape([schema], schema);
}

/** Nothing is known of the value. */
export const anyShape: Shape = { type: undefined, field: () => anyShape, item: () => anyShape };

class SchemaShape implements Shape {
  readonly type: JsonType | undefined;
  readonly #root: JsonSchema;
  readonly #pieces: readonly JsonSchema[];
  /** Declared names only: others come from clients, without end. */
  readonly #fields = new Map<string, Shape>();
  #otherFields: Shape | undefined = undefined;
  #items: Shape | undefined = undefined;

  constructor(schemas: readonly JsonSchema[], root: JsonSchema) {
    this.#root = root;
    this.#pieces = schemas.flatMap((schema) => piecesOf(schema, root));
    const types = new Set(this.#pieces.flatMap(typesIn));
    const [only] = types;
    this.type = types.size === 1 ? only : undefined;
  }

  field(name: string): Shape {
    const known = this.#fields.get(name);
    if (known !== undefined) return known;
    const declared = this.#pieces.flatMap(({ properties }) =>
      isJsonSchema(properties) && Object.hasOwn(properties, name) ? [properties[name]] : [],
    );
    if (declared.length > 0) {
      const shape = this.#shapeOf(declared);
      this.#fields.set(name, shape);
      return shape;
    }
    this.#otherFields ??= this.#shapeOf(this.#pieces.map((piece) => piece.additionalProperties));
    return this.#otherFields;
  }

  item(index: number): Shape {
    const placed = this.#pieces.flatMap(({ prefixItems }) =>
      Array.isArray(prefixItems) && index < prefixItems.length ? [prefixItems[index]] : [],
    );
    if (placed.length > 0) return this.#shapeOf(placed);
    this.#items ??= this.#shapeOf(this.#pieces.map((piece) => piece.items));
    return this.#items;
  }

  #shapeOf(schemas: readonly unknown[]): Shape {
    const real = schemas.filter(isJsonSchema);
    return real.length === 0 ? anyShape : new SchemaShape(real, this.#root);
  }
}

function typesIn(piece: JsonSchema): readonly JsonType[] {
  const names = [piece.type].flat().map((name) => (name === 'integer' ? 'number' : name));
  const values = [
    ...(piece.const === undefined ? [] : [piece.const]),
    ...(Array.isArray(piece.enum) ? piece.enum : []),
  ];
  if (piece.type === undefined) names.push(...values.map((value) => typeOf(value)));
  return jsonTypes.filter((type) => names.includes(type));
}

/** Undefined for null, and for what is no JSON. */
export function typeOf(value: unknown): JsonType | undefined {
  if (value === null) return undefined;
  if (Array.isArray(value)) return 'array';
  return jsonTypes.find((name) => name === typeof value);
}
