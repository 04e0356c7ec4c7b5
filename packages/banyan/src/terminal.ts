/** Where a command writes and what it reads from its surroundings; the one place that knows `process`. */
export interface Terminal {
  readonly version: string;
  readonly workingDirectory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** True if a person watches: colours and questions make sense. */
  readonly interactive: boolean;
  /** Relative paths in configuration are relative to the system's folder. */
  changeDirectory(path: string): void;
  write(text: string): void;
  /** One problem, on stderr. */
  fail(message: string): void;
  /** Asks a yes/no question; false without a person to answer. */
  confirm(question: string): Promise<boolean>;
  /** Resolves at the first SIGINT or SIGTERM. */
  readonly stopRequested: Promise<string>;
}
