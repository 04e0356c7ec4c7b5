export { type Box, box, boxHeight, boxWidth } from './box.ts';
export { type Drawn, stack } from './drawn.ts';
export { connect, gap } from './line.ts';
export { type Paint, type PaintName, paint } from './paint.ts';
export { escapeXml, svgDocument } from './svg-document.ts';
