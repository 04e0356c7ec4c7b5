/** Prints what happens, line by line, and remembers whether it is what should happen. */
export interface Report {
  scene(title: string): void;
  /** Something that has been done. */
  did(text: string): void;
  /** Something that came of it, and whether that is right. */
  saw(text: string, isRight: boolean): void;
  table(head: readonly string[], rows: readonly (readonly string[])[]): void;
  /** How many of what `saw` was told were wrong. */
  readonly wrong: number;
}

export function createReport(print: (line: string) => void): Report {
  let scenes = 0;
  let wrong = 0;
  return {
    scene(title) {
      scenes += 1;
      print(`\n${scenes}. ${title}`);
    },
    did: (text) => print(`   · ${text}`),
    saw(text, isRight) {
      if (!isRight) wrong += 1;
      print(`   ${isRight ? '✓' : '✗'} ${text}`);
    },
    table(head, rows) {
      const widths = head.map((title, column) =>
        Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
      );
      const line = (cells: readonly string[]) =>
        `     ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd();
      print(line(head));
      print(line(widths.map((width) => '─'.repeat(width))));
      for (const row of rows) print(line(row));
    },
    get wrong() {
      return wrong;
    },
  };
}

export function toText({ amount, currency }: { readonly amount: number; readonly currency: string }): string {
  return `${(amount / 100).toFixed(2)} ${currency}`;
}

/** Hour and minute, UTC. */
export function toClock(at: string): string {
  return new Date(at).toISOString().slice(11, 16);
}
