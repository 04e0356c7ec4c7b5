import type { Drawn } from './drawn.ts';

const margin = 24;
/** Of a letter, in fonts that run wide. */
const titleLetter = 9.5;
const noteLetter = 7;

export interface Heading {
  readonly title: string;
  /** Smaller, below the title. */
  readonly note?: string;
  /** What a screen reader says. */
  readonly label: string;
}

/** One drawing under a heading, as an SVG document that needs nothing else. */
export function svgDocument({ title, note = '', label }: Heading, body: Drawn): string {
  const width = Math.max(body.width, title.length * titleLetter, note.length * noteLetter) + 2 * margin;
  const top = margin + (note === '' ? 24 : 40);
  const height = top + body.height + margin + 6;
  const below =
    note === ''
      ? ''
      : `\n<text x="${margin}" y="${margin + 17}" font-size="11" fill="#55606e">${escapeXml(note)}</text>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escapeXml(label)}" font-family="system-ui, sans-serif" font-size="13">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="${margin}" y="${margin}" font-weight="600">${escapeXml(title)}</text>${below}
${body.render(width / 2, top)}
</svg>
`;
}

/** Text as content or attribute of an XML element. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
