import { createWriteStream } from 'node:fs';

/** The file that every process's log lines of a run go to, one JSON object a line. */
export interface LogFile {
  write(line: string): void;
  /** Resolves when everything is written. */
  close(): Promise<void>;
}

/** Appends to `path`. A disk that cannot take more costs log lines, never the run: `onFailure` hears of it once. */
export function openLogFile(path: string, onFailure: (error: Error) => void): LogFile {
  const stream = createWriteStream(path, { flags: 'a' });
  let failed = false;
  stream.on('error', (error) => {
    if (!failed) onFailure(error);
    failed = true;
  });
  return {
    write(line) {
      if (!failed) stream.write(`${line}\n`);
    },
    close: () => new Promise((resolve) => (failed ? resolve() : stream.end(() => resolve()))),
  };
}
