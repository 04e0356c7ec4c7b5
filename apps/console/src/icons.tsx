import type { JSX } from 'preact';

/** Strokes on a grid of 16; the word beside an icon says what it means. */
const strokes = {
  map: 'M3 3.5h4v3H3zM9 9.5h4v3H9zM5 6.5v4.500h4',
  control: 'M3 5h6m3 0h1M3 11h1m3 0h6M10.5 3.500v3M5.5 9.500v3',
  traces: 'M2.5 4h7M5 8h6M8.5 12h5',
  logs: 'M3 4h10M3 8h10M3 12h6',
  errors: 'M8 2.5 14 13H2zM8 6.500v3m0 1.800v.2',
  metrics: 'M2.5 2.500v11h11M5 10l2.5-3.5 2 2L13 4',
  objectives: 'M8 2.5a5.5 5.5 0 1 1-.01 0M8 5.5a2.5 2.5 0 1 1-.01 0M8 7.9v.2',
  messages: 'M2.5 4h11v8h-11zM2.5 4.5 8 9l5.5-4.5',
  sagas: 'M4 2.500v11M4 5h5.500a2.5 2.5 0 0 1 0 5H4M12 8.500v0',
  streams: 'M2.5 5.500c2-2 3.5-2 5.5 0s3.5 2 5.5 0M2.5 10.500c2-2 3.5-2 5.5 0s3.5 2 5.5 0',
  contracts: 'M4 2.500h5.500l2.5 2.500v8.500H4zM6.5 8h3M6.5 10.500h3',
  configuration: 'M3 4.500h10M3 8h10M3 11.500h10M6 3v3M10.5 6.500v3M5 10v3',
  audit: 'M8 2.5 13 4.500v3.500c0 3-2.5 4.8-5 5.5-2.5-.7-5-2.5-5-5.500V4.500zM6 8l1.5 1.500L10.3 6.5',
  good: 'M3 8.5 6.5 12 13 4.5',
  bad: 'M4 4l8 8M12 4l-8 8',
  warn: 'M8 3v6.500m0 2.800v.2',
  wait: 'M8 4.500V8l2.5 1.500M8 2.500a5.5 5.5 0 1 1-.010 0',
  pause: 'M6 4v8M10 4v8',
  play: 'M5.5 3.500v9L12.5 8z',
  stop: 'M4.5 4.500h7v7h-7z',
  undone: 'M6 4 3 7l3 3M3 7h6.500a3.3 3.3 0 0 1 0 6.500H7',
  dot: 'M8 6.500a1.5 1.5 0 1 1-.010 0',
  menu: 'M2.5 4.500h11M2.5 8h11M2.5 11.500h11',
  sun: 'M8 5.200a2.8 2.8 0 1 1-.010 0M8 1.500V3M8 13v1.500M1.5 8H3M13 8h1.500M3.5 3.500l1 1M11.5 11.500l1 1M12.5 3.500l-1 1M4.5 11.500l-1 1',
  moon: 'M13 9.500A5.5 5.5 0 0 1 6.5 3a5.5 5.5 0 1 0 6.5 6.500z',
} as const;

export type IconName = keyof typeof strokes;

export function Icon({ name, size = 16 }: { readonly name: IconName; readonly size?: number }): JSX.Element {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      stroke-width="1.5"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={strokes[name]} />
    </svg>
  );
}
