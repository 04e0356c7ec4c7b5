import { parseXml, XmlElement } from '@rgrove/parse-xml';
import { atomNamespace, keyScheme, traceScheme } from './atom-document.ts';
import {
  type ParsedEntry,
  type ParsedPage,
  toIdentifier,
  toParsedPage,
  toTraceparent,
  toUrl,
  versionOf,
} from './parsed-page.ts';

/** An element with what its ancestors say about it. */
interface Scoped {
  readonly element: XmlElement;
  readonly namespaces: Readonly<Record<string, string>>;
  /** `xml:base` in force. */
  readonly base: string;
}

/**
 * Reads an Atom document (RFC 4287, RFC 5005). The parser knows no document type: an entity that is not one of XML's own five is an error,
 * so none can be expanded.
 * @throws Error if it is none
 */
export function parseAtom(text: string, url: string): ParsedPage {
  const root = parseXml(text).root;
  if (root === null) throw new TypeError('the document has no root element');
  const feed = scope(root, { namespaces: {}, base: url });
  if (!isAtom(feed, 'feed')) throw new TypeError('the root element is no Atom feed');
  const children = atomChildren(feed);
  const feedId = textOf(children, 'id') ?? '';
  const entries = children.filter((child) => isAtom(child, 'entry')).map((entry) => toEntry(entry, feedId));
  return toParsedPage(entries, linkOf(children, 'prev-archive') ?? linkOf(children, 'next'));
}

function toEntry(entry: Scoped, feedId: string): ParsedEntry {
  const children = atomChildren(entry);
  const updated = textOf(children, 'updated') ?? '';
  const content = children.find((child) => isAtom(child, 'content'));
  const category = (scheme: string) =>
    children.find((child) => isAtom(child, 'category') && child.element.attributes['scheme'] === scheme)
      ?.element.attributes['term'];
  const key = category(keyScheme(feedId));
  return {
    id: toIdentifier(textOf(children, 'id')),
    version: versionOf(updated),
    title: textOf(children, 'title') ?? '',
    summary: textOf(children, 'summary') ?? '',
    updated,
    href:
      (content && toUrl(content.element.attributes['src'], content.base)) ?? linkOf(children, 'alternate'),
    key: key === undefined ? undefined : toIdentifier(key),
    traceparent: toTraceparent(category(traceScheme)),
    content: content === undefined ? undefined : embeddedJson(content.element),
  };
}

/** JSON stands in Base64 (RFC 4287, 4.1.3.3); some publishers write it plainly. */
function embeddedJson({ attributes, text }: XmlElement): unknown {
  const type = attributes['type']?.split(';', 1)[0]?.trim().toLowerCase() ?? 'text';
  if (attributes['src'] !== undefined || !/^application\/(?:[^/]+\+)?json$/.test(type)) return undefined;
  const isBase64 = /^[A-Za-z0-9+/=\s]*$/.test(text);
  return JSON.parse(isBase64 ? Buffer.from(text, 'base64').toString('utf8') : text);
}

function atomChildren(parent: Scoped): Scoped[] {
  return parent.element.children
    .filter((child) => child instanceof XmlElement)
    .map((child) => scope(child, parent));
}

function scope(element: XmlElement, outer: Pick<Scoped, 'namespaces' | 'base'>): Scoped {
  let { namespaces, base } = outer;
  for (const [name, value] of Object.entries(element.attributes)) {
    if (name === 'xmlns') namespaces = { ...namespaces, '': value };
    else if (name.startsWith('xmlns:')) namespaces = { ...namespaces, [name.slice(6)]: value };
    else if (name === 'xml:base') base = toUrl(value, base) ?? base;
  }
  return { element, namespaces, base };
}

function isAtom({ element, namespaces }: Scoped, name: string): boolean {
  const [prefix = '', local] = element.name.includes(':') ? element.name.split(':', 2) : ['', element.name];
  return local === name && Object.hasOwn(namespaces, prefix) && namespaces[prefix] === atomNamespace;
}

function textOf(children: readonly Scoped[], name: string): string | undefined {
  return children.find((child) => isAtom(child, name))?.element.text.trim();
}

function linkOf(children: readonly Scoped[], rel: string): string | undefined {
  const link = children.find(
    (child) => isAtom(child, 'link') && (child.element.attributes['rel'] ?? 'alternate') === rel,
  );
  return link && toUrl(link.element.attributes['href'], link.base);
}
