import type { Journey } from './customer.ts';

export interface Progress {
  step(customer: number, step: string): void;
  done(customer: number, outcome: string): void;
  end(): void;
}

/** One line that is written over on a terminal; one line per customer elsewhere. */
export function createProgress(customers: number): Progress {
  const live = process.stdout.isTTY;
  let finished = 0;
  const show = (text: string) => {
    if (live) process.stdout.write(`\r\u001b[K${text.slice(0, (process.stdout.columns ?? 80) - 1)}`);
  };
  return {
    step: (customer, step) => show(`${finished}/${customers} done, customer ${customer + 1} ${step}`),
    done(customer, outcome) {
      finished += 1;
      if (live) show(`${finished}/${customers} done`);
      else console.log(`${finished}/${customers} customer ${customer + 1}: ${outcome}`);
    },
    end: () => show(''),
  };
}

const regularOutcomes = ['despatched', 'payment-declined', 'cancelled'];

/** Prints what became of everyone. @returns 0 if every order came to a regular end, else 1 */
export function printSummary(journeys: readonly Journey[], durationMs: number): number {
  const rows = journeys.map(({ durationMs: tookMs, trackingNumber = '', ...journey }) => [
    journey.customer,
    journey.bought,
    journey.payment,
    journey.total,
    journey.outcome,
    trackingNumber,
    `${(tookMs / 1000).toFixed(1)} s`,
  ]);
  printTable(['customer', 'bought', 'payment', 'total', 'outcome', 'tracking number', 'took'], rows);
  const counts = Map.groupBy(journeys, ({ outcome }) =>
    regularOutcomes.includes(outcome) ? outcome : 'failed',
  );
  const summary = [...counts].map(([outcome, group]) => `${group.length} ${outcome}`).join(', ');
  console.log(`\n${summary}; ${journeys.length} customers in ${(durationMs / 1000).toFixed(1)} s.`);
  return counts.has('failed') ? 1 : 0;
}

function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  console.log(`\n${line(head)}\n${widths.map((width) => '-'.repeat(width)).join('  ')}`);
  for (const row of rows) console.log(line(row));
}
