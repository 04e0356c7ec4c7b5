import { connect, gap } from './line.ts';

/** Something that knows its size and can be put anywhere. */
export interface Drawn {
  readonly width: number;
  readonly height: number;
  /** @param x centre @param y top */
  render(x: number, y: number): string;
}

/** Parts below each other, each joined to the one above it; as wide as the widest of them, and at least `minWidth`. */
export function stack(parts: readonly Drawn[], minWidth: number): Drawn {
  return {
    width: Math.max(minWidth, ...parts.map(({ width }) => width)),
    height: parts.reduce((sum, part) => sum + part.height, 0) + gap * Math.max(0, parts.length - 1),
    render(x, y) {
      let top = y;
      return parts
        .map((part, index) => {
          const line = index === 0 ? '' : connect(x, top - gap, x, top);
          const drawn = part.render(x, top);
          top += part.height + gap;
          return `${line}${drawn}`;
        })
        .join('\n');
    },
  };
}
