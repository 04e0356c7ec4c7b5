import { cpus, release, totalmem } from 'node:os';
import { type BenchResult, format } from './harness.ts';

export function describeMachine(): {
  readonly machine: string;
  readonly node: string;
  readonly date: string;
} {
  const [first] = cpus();
  const gib = Math.round(totalmem() / 2 ** 30);
  return {
    machine: `${cpus().length} × ${first?.model.trim() ?? 'unknown'}, ${gib} GiB, ${process.platform} ${release()} ${process.arch}`,
    node: process.version,
    date: new Date().toISOString(),
  };
}

export function renderResult(
  result: BenchResult & { readonly bench: string; readonly machine: string; readonly node: string },
): string {
  const rows = result.cases.map((each) => [
    each.name,
    each.unit,
    format(each.median),
    format(each.min),
    format(each.max),
  ]);
  const ratios = Object.entries(result.ratios).map(([name, value]) => [name, `${value.toFixed(2)}×`]);
  return [
    `\n${result.bench} · ${result.machine} · Node ${result.node}\n`,
    table(['case', 'unit', 'median', 'min', 'max'], rows),
    table(['ratio (more is better for Banyan)', ''], ratios),
    ...result.notes.map((note) => `· ${note}`),
    '',
  ].join('\n');
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ');
  return `${[line(header), ...rows.map(line)].join('\n')}\n`;
}
