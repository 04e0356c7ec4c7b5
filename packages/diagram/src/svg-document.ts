import type { Drawn } from './drawn.ts';

const margin = 24;

/** One drawing under a title, as an SVG document that needs nothing else. `label` is what a screen reader says. */
export function svgDocument(
  { title, label }: { readonly title: string; readonly label: string },
  body: Drawn,
): string {
  const width = Math.max(body.width, title.length * 7.5) + 2 * margin;
  const height = body.height + 2 * margin + 30;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escapeXml(label)}" font-family="system-ui, sans-serif" font-size="13">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="${margin}" y="${margin}" font-weight="600">${escapeXml(title)}</text>
${body.render(width / 2, margin + 24)}
</svg>
`;
}

/** Text as content or attribute of an XML element. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
