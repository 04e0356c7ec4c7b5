import { policyDocument, type System } from '@banyan/chassis';
import type { Caller } from '@banyan/core';
import { createPolicySet, type PolicyDocument, parsePolicies } from '@banyan/policy';
import type { CommandInput } from '../command.ts';
import { type VerbInput, wrong } from '../event-verbs/verb.ts';
import { loadSystem } from '../load-system.ts';
import { systemDirectory } from '../system-directory.ts';
import { renderTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { readPolicies } from './policy-file.ts';

/** `banyan policy explain OPERATION`: what the policies in force say about a call. Ends with 1 if it is denied. */
export async function explain({ ports, words, options, terminal }: VerbInput): Promise<number> {
  const { system, documents } = ports;
  const found = await documents.get(policyDocument);
  const document =
    found === undefined ? (system.policies ?? { covers: [], rules: [] }) : parsePolicies(found.value);
  return tell({ document, words, options, terminal, system });
}

/** As `explain`, of the policies in a file; nothing needs to run. */
export async function explainFile(
  { options, positionals }: CommandInput,
  terminal: Terminal,
): Promise<number> {
  const system = await loadSystem(systemDirectory({ options, positionals }, terminal));
  const document = await readPolicies({ options }, { system, terminal });
  return tell({ document, words: positionals.slice(1), options, terminal, system });
}

interface Question extends Pick<VerbInput, 'words' | 'options' | 'terminal'> {
  readonly document: PolicyDocument;
  readonly system: System;
}

function tell({ document, words, options, terminal, system }: Question): number {
  const operation = operationNamed(words, system);
  const { decision, covered, rules } = createPolicySet(document).explain({
    operation,
    caller: callerOf(options),
    input: inputOf(options),
  });
  if (options['json'] === true) {
    const said = rules.map(({ rule, ...finding }) => ({ rule: rule.id, effect: rule.effect, ...finding }));
    terminal.write(`${JSON.stringify({ operation, ...decision, covered, rules: said }, null, 2)}\n`);
  } else {
    terminal.write(`${decision.allowed ? 'allowed' : 'denied'}: ${decision.reason}\n`);
    const rows = rules.map(({ rule, unless }) => [rule.id, rule.effect, unless ?? 'applies']);
    if (rows.length > 0) terminal.write(renderTable(['rule', 'effect', 'applies, or why not'], rows));
  }
  return decision.allowed ? 0 : 1;
}

function operationNamed([name]: readonly string[], system: System): string {
  if (name === undefined) throw wrong('Name an operation: banyan policy explain orders.cancelOrder.');
  const [service, operation = ''] = name.split('.');
  const found = [...system.services, ...system.development].find((each) => each.name === service);
  if (found !== undefined && Object.hasOwn(found.contract.operations, operation)) return name;
  throw wrong(`The system has no operation '${name}'.`);
}

function callerOf({ service, user, scopes }: CommandInput['options']): Caller {
  const name = typeof service === 'string' ? service : 'gateway';
  if (typeof user !== 'string') {
    if (scopes !== undefined) throw wrong('--scopes are those of a --user.');
    return { service: name };
  }
  const granted = typeof scopes === 'string' ? scopes.split(/[\s,]+/).filter((each) => each !== '') : [];
  return { service: name, user: { id: user, scopes: granted } };
}

function inputOf({ input }: CommandInput['options']): unknown {
  if (typeof input !== 'string') return {};
  try {
    return JSON.parse(input);
  } catch (cause) {
    throw wrong(`--input is no JSON: ${cause instanceof Error ? cause.message : String(cause)}.`);
  }
}
