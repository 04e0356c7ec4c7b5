import { type Shape, typeOf } from './shape.ts';
import {
  instanceNamespace,
  isWritable,
  isXmlName,
  toEscaped,
  toXmlAttribute,
  toXmlText,
} from './xml-text.ts';

export interface XmlForm {
  readonly shape: Shape;
  /** Name of the outermost element. */
  readonly root: string;
  /** Of the elements that an array has. Default `item`. */
  readonly item?: string;
  /** Of all elements. Default: none. */
  readonly namespace?: string;
}

/**
 * A JSON value as XML, from which `readXml` with the same shape makes the same value again. Fields are elements, elements of arrays are `item`s; null is
 * `xsi:nil`. A name that is none in XML is in the attribute `name` of an `entry`. Where the schema leaves the type open, the attribute `type` says it.
 * Characters that XML does not have are written as in JSON, and `escaped` says so.
 */
export function writeXml(json: string, form: XmlForm): string {
  const writer = new XmlWriter(form.item ?? 'item');
  const body = writer.element({ tag: form.root, attributes: '' }, JSON.parse(json), form.shape);
  const start = `<${form.root}`.length;
  const namespaces = `${form.namespace === undefined ? '' : ` xmlns="${form.namespace}"`}${
    writer.hasNull ? ` xmlns:xsi="${instanceNamespace}"` : ''
  }`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n${body.slice(0, start)}${namespaces}${body.slice(start)}\n`;
}

interface Tag {
  readonly tag: string;
  readonly attributes: string;
  /** The name is written as in JSON. */
  readonly isEscaped?: boolean;
}

class XmlWriter {
  readonly #item: string;
  hasNull = false;

  constructor(item: string) {
    this.#item = item;
  }

  element({ tag, attributes, isEscaped = false }: Tag, value: unknown, shape: Shape): string {
    if (value === null) {
      this.hasNull = true;
      return `<${tag}${attributes}${isEscaped ? ' escaped="name"' : ''} xsi:nil="true"/>`;
    }
    const isText = typeof value === 'string';
    const mustEscape = isText && !isWritable(value);
    const escaped = [...(isEscaped ? ['name'] : []), ...(mustEscape ? ['text'] : [])].join(' ');
    const open = `${tag}${attributes}${typeAttribute(value, shape)}${escaped === '' ? '' : ` escaped="${escaped}"`}`;
    const content = isText ? toXmlText(mustEscape ? toEscaped(value) : value) : this.#content(value, shape);
    return content === '' ? `<${open}/>` : `<${open}>${content}</${tag}>`;
  }

  #content(value: unknown, shape: Shape): string {
    if (Array.isArray(value)) {
      const tag = { tag: this.#item, attributes: '' };
      return value.map((each, index) => this.element(tag, each, shape.item(index))).join('');
    }
    if (typeof value !== 'object') return JSON.stringify(value);
    return Object.entries(value ?? {})
      .map(([name, each]) => this.element(tagOf(name), each, shape.field(name)))
      .join('');
  }
}

function tagOf(name: string): Tag {
  if (isXmlName(name)) return { tag: name, attributes: '' };
  const isEscaped = !isWritable(name);
  return {
    tag: 'entry',
    attributes: ` name="${toXmlAttribute(isEscaped ? toEscaped(name) : name)}"`,
    isEscaped,
  };
}

/** Needed where a reader could not tell: it takes elements for objects and text for text. */
function typeAttribute(value: unknown, shape: Shape): string {
  const type = typeOf(value);
  if (type === shape.type) return '';
  const isPlain = type === 'string' || (type === 'object' && Object.keys(value as object).length > 0);
  return shape.type === undefined && isPlain ? '' : ` type="${type}"`;
}
