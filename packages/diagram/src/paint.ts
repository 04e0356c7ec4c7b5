export interface Paint {
  readonly fill: string;
  readonly edge: string;
}

/** One colour for each meaning. The text of a box says the same, for those who cannot tell colours apart. */
export const paint = {
  open: { fill: '#ffffff', edge: '#9aa4b2' },
  good: { fill: '#dff3e4', edge: '#2f7d46' },
  passed: { fill: '#e9e4f5', edge: '#6a4fa3' },
  doubtful: { fill: '#fdf3d8', edge: '#8a6500' },
  waiting: { fill: '#e1ecfb', edge: '#2c5fa8' },
  bad: { fill: '#fbe1e0', edge: '#a8322d' },
  undone: { fill: '#eceff3', edge: '#55606e' },
} as const satisfies Record<string, Paint>;
export type PaintName = keyof typeof paint;
