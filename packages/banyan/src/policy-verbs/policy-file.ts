import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { checkSystemPolicies, type System } from '@banyan/chassis';
import { ServiceError } from '@banyan/core';
import type { PolicyDocument } from '@banyan/policy';
import type { CommandInput } from '../command.ts';
import { readJson, wrong } from '../event-verbs/verb.ts';
import type { Terminal } from '../terminal.ts';

/**
 * The policies in the file that `--file` names, held against the contracts of the system: JSON, or a module that has them as its default export.
 * @throws ServiceError `invalid_argument` `invalid_policies`, `invalid_command_line`
 */
export async function readPolicies(
  { options }: Pick<CommandInput, 'options'>,
  { system, terminal }: { readonly system: System; readonly terminal: Terminal },
): Promise<PolicyDocument> {
  const { file } = options;
  if (typeof file !== 'string')
    throw wrong('Give the policies: --file FILE (JSON or a module), or --file - for standard input.');
  const value = /\.[cm]?[jt]s$/.test(file)
    ? await importPolicies(resolve(terminal.workingDirectory, file))
    : await readJson({ options }, 'a policy document');
  return checkSystemPolicies(system, value);
}

async function importPolicies(file: string): Promise<unknown> {
  try {
    return ((await import(pathToFileURL(file).href)) as { default?: unknown }).default;
  } catch (cause) {
    const message = `Cannot load ${file}: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new ServiceError(message, { code: 'invalid_argument', reason: 'invalid_policies', cause });
  }
}
