import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { isDark } from '../../shell/theme.ts';

export interface Line {
  readonly name: string;
  readonly values: readonly (number | null)[];
  /** Drawn pale, such as the run that another one is compared with. */
  readonly isPale?: boolean;
}

export interface ChartProps {
  readonly title: string;
  /** Seconds since 1970, one for each value. */
  readonly times: readonly number[];
  readonly lines: readonly Line[];
  format(value: number): string;
  /** A part of the time was marked. */
  onZoom(fromMs: number, toMs: number): void;
}

/** Told apart by their dashes, too. */
const colours = {
  light: ['#0f6b52', '#3b74b5', '#a8570a', '#7a52a8', '#b3261e', '#5d6b66', '#9a3f66', '#3d7a89'],
  dark: ['#5ec7a5', '#6ea4e0', '#e3a45c', '#b08ede', '#ff9088', '#a3afab', '#df8dab', '#7cc0d0'],
} as const;
const dashes = [[], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4], [4, 4], [1, 3], [10, 2, 2, 2]];
const heightPx = 200;

/** A time series; below it the same as a table, for those who do not see it. */
export function Chart(props: ChartProps): JSX.Element {
  const { title, times, lines, format } = props;
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const shape = JSON.stringify([lines.map(({ name, isPale }) => [name, isPale]), isDark()]);
  // The lines themselves change each second; the plot is made anew only for other lines.
  useEffect(() => {
    const element = frame.current;
    if (element === null) return;
    const made = new uPlot(optionsOf(latest, element.clientWidth), dataOf(latest.current), element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: heightPx }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [shape]);
  useEffect(() => {
    plot.current?.setData(dataOf({ times, lines }));
  }, [times, lines]);
  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <div ref={frame} aria-hidden="true" class="chart-frame" />
      <details>
        <summary>Latest values as a table</summary>
        <ul class="chart-values">
          {lines.map(({ name, values }) => {
            const last = values.findLast((value) => value !== null);
            return (
              <li key={name}>
                <span>{name}</span>
                <span class="number">{last === undefined || last === null ? 'nothing' : format(last)}</span>
              </li>
            );
          })}
        </ul>
      </details>
    </figure>
  );
}

function dataOf({ times, lines }: Pick<ChartProps, 'times' | 'lines'>): uPlot.AlignedData {
  return [[...times], ...lines.map(({ values }) => [...values])];
}

/** So few values are drawn as points, too: a line between two of them says little, and one alone has none. */
const fewPoints = 30;

function measuredTimes(values: Line['values']): number {
  return values.filter((value) => value !== null).length;
}

/** `18:20`, with seconds where the chart is so close. */
function clockOf(atS: number): string {
  const time = new Date(atS * 1_000).toLocaleTimeString('en-GB');
  return atS % 60 === 0 ? time.slice(0, 5) : time;
}

function optionsOf(latest: { readonly current: ChartProps }, width: number): uPlot.Options {
  const { lines } = latest.current;
  const palette = colours[isDark() ? 'dark' : 'light'];
  const ink = isDark() ? '#a3afab' : '#55615d';
  const grid = { stroke: isDark() ? '#2a3230' : '#e6eae8', width: 1 };
  const format = (value: number) => latest.current.format(value);
  return {
    width,
    height: heightPx,
    cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
    legend: { show: true, live: true },
    scales: { y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] } },
    axes: [
      { stroke: ink, grid, ticks: grid, values: (_, splits) => splits.map(clockOf) },
      { stroke: ink, grid, ticks: grid, size: 64, values: (_, splits) => splits.map(format) },
    ],
    series: [
      { value: (_: uPlot, atS: number | null) => (atS === null ? '–' : clockOf(atS)) },
      ...lines.map(({ name, values, isPale = false }, index) => ({
        label: name,
        stroke: `${palette[index % palette.length]}${isPale ? '66' : ''}`,
        width: 1.6,
        dash: dashes[index % dashes.length] ?? [],
        spanGaps: true,
        points: { show: measuredTimes(values) < fewPoints, size: 4 },
        value: (_: uPlot, value: number | null) => (value === null ? '–' : format(value)),
      })),
    ],
    hooks: {
      setSelect: [
        (plot) => {
          if (plot.select.width < 4) return;
          const at = (x: number) => plot.posToVal(x, 'x') * 1_000;
          latest.current.onZoom(at(plot.select.left), at(plot.select.left + plot.select.width));
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
    },
  };
}
