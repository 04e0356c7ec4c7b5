import type { Drawn } from './drawn.ts';
import { type PaintName, paint } from './paint.ts';
import { escapeXml } from './svg-document.ts';

/** Room for 37 letters of a note. */
export const boxWidth = 250;
export const boxHeight = 46;

export interface Box {
  readonly title: string;
  /** Smaller, below the title. */
  readonly note: string;
  readonly paint: PaintName;
  /** Default `step`; `node` is rounder. */
  readonly shape?: 'step' | 'node';
  readonly isDashed?: boolean;
  readonly isHeavy?: boolean;
}

export function box({ title, note, paint: name, shape = 'step', isDashed, isHeavy }: Box): Drawn {
  const { fill, edge } = paint[name];
  const dash = isDashed === true ? ' stroke-dasharray="6 3"' : '';
  return {
    width: boxWidth,
    height: boxHeight,
    render: (x, y) =>
      `<g><rect x="${x - boxWidth / 2}" y="${y}" width="${boxWidth}" height="${boxHeight}" rx="${shape === 'step' ? 6 : 20}" fill="${fill}" stroke="${edge}" stroke-width="${isHeavy === true ? 3 : 1.5}"${dash}/><text x="${x}" y="${y + 19}" text-anchor="middle">${escapeXml(title)}</text><text x="${x}" y="${y + 36}" text-anchor="middle" font-size="11" fill="#55606e">${escapeXml(note)}</text></g>`,
  };
}
