import type { Terminal } from './terminal.ts';

export interface CommandOption {
  readonly type: 'boolean' | 'string';
  /** One letter that says the same. */
  readonly short?: string;
  /** Shown in help for options that take a value. */
  readonly value?: string;
  readonly summary: string;
}

/** By name. */
export type CommandOptions = Readonly<Record<string, CommandOption>>;

/** Values as parsed; `positionals` are the words that are no option. */
export interface CommandInput<Options extends CommandOptions = CommandOptions> {
  readonly options: { readonly [Name in keyof Options]?: ValueOf<Options[Name]> | undefined };
  readonly positionals: readonly string[];
}

type ValueOf<Option extends CommandOption> = {
  readonly boolean: boolean;
  readonly string: string;
}[Option['type']];

/** All that there is of one command: parsing, help and the reference page are made from it. */
export interface Command<Options extends CommandOptions = CommandOptions> {
  readonly name: string;
  /** With `NAME` or `VERB` in it, it takes words that are no option. */
  readonly usage: string;
  readonly summary: string;
  readonly options: Options;
  /** Resolves with the exit code. */
  run(input: CommandInput<Options>, terminal: Terminal): Promise<number>;
}

/** A command whose `run` knows its own options, and their kinds. */
export function defineCommand<const Options extends CommandOptions>(
  command: Command<Options>,
): Command<Options> {
  return command;
}
