import type { Terminal } from './terminal.ts';

/** What a person sees while something takes long: finished steps with their time, and notes. */
export interface Progress {
  title(text: string): void;
  /** Something finished; shown with the time since the last step. */
  step(text: string): void;
  note(text: string): void;
}

export function createProgress(terminal: Terminal): Progress {
  let lastMs = performance.now();
  return {
    title(text) {
      lastMs = performance.now();
      terminal.write(`\n  ${text}\n\n`);
    },
    step(text) {
      const now = performance.now();
      terminal.write(`  ✓ ${text} (${((now - lastMs) / 1000).toFixed(1)} s)\n`);
      lastMs = now;
    },
    note(text) {
      lastMs = performance.now();
      terminal.write(`  · ${text}\n`);
    },
  };
}
