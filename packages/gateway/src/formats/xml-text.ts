/** Namespaces in XML, 4: a name without a colon. The reserved ones that begin with `xml` are left out. */
const xmlName =
  /^(?![Xx][Mm][Ll])[A-Z_a-z\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u02FF\u0370-\u037D\u037F-\u1FFF\u200C-\u200D\u2070-\u218F\u2C00-\u2FEF\u3001-\uD7FF\uF900-\uFDCF\uFDF0-\uFFFD\u{10000}-\u{EFFFF}][\w\-.\u00B7\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u037D\u037F-\u1FFF\u200C-\u200D\u203F\u2040\u2070-\u218F\u2C00-\u2FEF\u3001-\uD7FF\uF900-\uFDCF\uFDF0-\uFFFD\u{10000}-\u{EFFFF}]*$/u;

/** What XML 1.0 has no way to write, not even as a character reference. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that must not pass.
const unwritable = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/;

export function isXmlName(name: string): boolean {
  return xmlName.test(name);
}

/** True if the text can stand in XML as it is. */
export function isWritable(text: string): boolean {
  return text.isWellFormed() && !unwritable.test(text);
}

const references: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  // Only `]]>` must not stand there; always writing the reference is easier to see.
  '>': '&gt;',
  '"': '&quot;',
  // Parsers make line feeds of carriage returns, and spaces of all white space in attributes.
  '\r': '&#13;',
  '\n': '&#10;',
  '\t': '&#9;',
};

export function toXmlText(text: string): string {
  return text.replace(/[&<>\r]/g, (character) => references[character] ?? character);
}

export function toXmlAttribute(text: string): string {
  return text.replace(/[&<>"\r\n\t]/g, (character) => references[character] ?? character);
}

/** A text that XML cannot write, as the inside of a JSON string: ASCII and writable. */
export function toEscaped(text: string): string {
  return JSON.stringify(text)
    .slice(1, -1)
    .replace(/[\uFFFE\uFFFF]/g, (character) => `\\u${character.charCodeAt(0).toString(16)}`);
}

/** The inverse of {@link toEscaped}; undefined for what is no JSON string. */
export function fromEscaped(text: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(`"${text}"`);
    return typeof parsed === 'string' ? parsed : undefined;
  } catch {
    return undefined;
  }
}

export const instanceNamespace = 'http://www.w3.org/2001/XMLSchema-instance';
