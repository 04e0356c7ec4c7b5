import { ServiceError } from '@banyan/core';
import { nestedTooDeeply } from '@banyan/rpc';
import { SaxesParser, type SaxesTagNS } from 'saxes';
import { type JsonType, jsonTypes, type Shape } from './shape.ts';
import { fromEscaped, instanceNamespace } from './xml-text.ts';

/** Objects and arrays inside each other, as in JSON bodies. */
const maxDepth = 64;
const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Each costs about ten microseconds, in which nobody else is served. */
const maxElements = 10_000;
/** More than the form has use for. */
const maxAttributes = 32;

/** An element whose end has not come yet. */
interface Frame {
  readonly name: string;
  readonly shape: Shape;
  /** What it says of itself. */
  readonly type: JsonType | undefined;
  readonly isNil: boolean;
  readonly isEscaped: boolean;
  text: string;
  /** Elements in it, in order. */
  readonly children: (readonly [name: string, value: unknown])[];
}

/**
 * The JSON value that an XML document of the form of `writeXml` stands for. The name of its outermost element, namespaces, comments and unknown attributes
 * mean nothing. Text that is no value of its type stays text, so that validation says where.
 *
 * There is no document type here, so no entities but the five of XML: nothing is fetched, and nothing grows.
 * @throws ServiceError `invalid_argument` `malformed_xml`, `nested_too_deeply`, `too_many_elements`
 */
export function readXml(text: string, shape: Shape): unknown {
  const reader = new XmlReader(shape);
  return reader.read(text);
}

class XmlReader {
  readonly #root: Shape;
  readonly #open: Frame[] = [];
  #elements = 0;
  #attributes = 0;
  #value: unknown;

  constructor(root: Shape) {
    this.#root = root;
  }

  read(text: string): unknown {
    const parser = new SaxesParser({ xmlns: true, defaultXMLVersion: '1.0', forceXMLVersion: true });
    parser.on('error', (error) => {
      throw malformed(error.message, error);
    });
    parser.on('doctype', () => {
      throw malformed('a document type is not taken here');
    });
    parser.on('xmldecl', ({ encoding }) => {
      if (encoding !== undefined && !/^utf-?8$/i.test(encoding))
        throw malformed('the encoding must be UTF-8');
    });
    parser.on('attribute', () => {
      this.#attributes += 1;
      if (this.#attributes > maxAttributes) throw tooMany();
    });
    parser.on('opentag', (tag) => this.#openTag(tag));
    parser.on('text', (part) => this.#addText(part));
    parser.on('cdata', (part) => this.#addText(part));
    parser.on('closetag', () => this.#closeTag());
    parser.write(text).close();
    return this.#value;
  }

  #openTag({ local, attributes }: SaxesTagNS): void {
    const parent = this.#open.at(-1);
    if (this.#open.length > maxDepth) throw nestedTooDeeply();
    this.#elements += 1;
    this.#attributes = 0;
    if (this.#elements > maxElements) throw tooMany();
    const own = (name: string) => (Object.hasOwn(attributes, name) ? attributes[name]?.value : undefined);
    const escaped = (own('escaped') ?? '').split(' ');
    const type = own('type');
    const name = local === 'entry' ? (own('name') ?? local) : local;
    const plain = escaped.includes('name') ? unescaped(name) : name;
    this.#open.push({
      name: plain,
      shape: parent === undefined ? this.#root : shapeIn(parent, plain),
      type: type === undefined ? undefined : typeNamed(type),
      isNil: isNil(attributes),
      isEscaped: escaped.includes('text'),
      text: '',
      children: [],
    });
  }

  #addText(part: string): void {
    const frame = this.#open.at(-1);
    if (frame !== undefined) frame.text += part;
  }

  #closeTag(): void {
    const frame = this.#open.pop();
    if (frame === undefined) return;
    const value = elementValue(frame);
    const parent = this.#open.at(-1);
    if (parent === undefined) this.#value = value;
    else parent.children.push([frame.name, value]);
  }
}

function isNil(attributes: SaxesTagNS['attributes']): boolean {
  return Object.values(attributes).some(
    ({ local, uri, value }) =>
      uri === instanceNamespace && local === 'nil' && (value === 'true' || value === '1'),
  );
}

function shapeIn(parent: Frame, name: string): Shape {
  return isArray(parent) ? parent.shape.item(parent.children.length) : parent.shape.field(name);
}

function isArray({ type, shape }: Frame): boolean {
  return (type ?? shape.type) === 'array';
}

function elementValue(frame: Frame): unknown {
  const { children, text, type, isNil } = frame;
  const hasText = text.trim() !== '';
  if (isNil) {
    if (children.length > 0 || hasText) throw malformed(`<${frame.name}> is nil and has content`);
    return null;
  }
  if (children.length === 0) return leafOf(frame, hasText);
  if (hasText) throw malformed(`<${frame.name}> has text beside elements`);
  if (isArray(frame)) return children.map(([, value]) => value);
  if (type !== undefined && type !== 'object')
    throw malformed(`<${frame.name}> has elements and is no ${type}`);
  const names = new Set(children.map(([name]) => name));
  // Two readers could take different ones.
  if (names.size < children.length) throw malformed(`<${frame.name}> has an element twice`);
  // Defines properties, so that `__proto__` is a name like any other.
  return Object.fromEntries(children);
}

function leafOf({ name, shape, type, isEscaped, text }: Frame, hasText: boolean): unknown {
  const wanted = type ?? shape.type ?? 'string';
  if (wanted === 'string') return isEscaped ? unescaped(text) : text;
  const trimmed = text.trim();
  if (wanted === 'object' && !hasText) return {};
  if (wanted === 'array' && !hasText) return [];
  if (wanted === 'boolean' && (trimmed === 'true' || trimmed === 'false')) return trimmed === 'true';
  if (wanted === 'number' && jsonNumber.test(trimmed)) {
    const number = Number(trimmed);
    if (Number.isFinite(number)) return number;
  }
  if (type !== undefined) throw malformed(`<${name}> is no ${type}`);
  return text;
}

function typeNamed(text: string): JsonType {
  const type = jsonTypes.find((each) => each === text);
  if (type === undefined) throw malformed(`the attribute 'type' must be one of ${jsonTypes.join(', ')}`);
  return type;
}

function unescaped(text: string): string {
  const plain = fromEscaped(text);
  if (plain === undefined) throw malformed(`what 'escaped' names is not escaped as in JSON`);
  return plain;
}

/** Quotes what the client wrote, so at most a line of it. */
function malformed(why: string, cause?: unknown): ServiceError {
  return new ServiceError(`The body is not XML that can be read here: ${why.slice(0, 160)}.`, {
    code: 'invalid_argument',
    reason: 'malformed_xml',
    cause,
  });
}

function tooMany(): ServiceError {
  return new ServiceError(
    `XML bodies may have ${maxElements} elements, each with ${maxAttributes} attributes.`,
    { code: 'invalid_argument', reason: 'too_many_elements', status: 413 },
  );
}
