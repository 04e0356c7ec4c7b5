import { paint } from './paint.ts';

/** Between two boxes. */
export const gap = 26;

/** A line from one point to another; heavy if the path was taken. */
export function connect(x1: number, y1: number, x2: number, y2: number, isTaken = false): string {
  const { edge } = isTaken ? paint.good : paint.open;
  return `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${edge}" stroke-width="${isTaken ? 2.5 : 1.5}"/>`;
}
