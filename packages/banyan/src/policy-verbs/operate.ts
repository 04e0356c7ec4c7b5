import { checkSystemPolicies, policyDocument } from '@banyan/chassis';
import type { RuntimeDocument } from '@banyan/config';
import type { PolicyDocument } from '@banyan/policy';
import { actor, limitOf, type VerbInput, wrong } from '../event-verbs/verb.ts';
import { renderTable } from '../table.ts';
import { readPolicies } from './policy-file.ts';

const nothing: PolicyDocument = { covers: [], rules: [] };

/** `banyan policy ls`: the rules in force. */
export async function ls({ ports, options, terminal }: VerbInput): Promise<number> {
  const found = await ports.documents.get(policyDocument);
  // What is in force was checked when it was set.
  const { covers, rules } = (found?.value as PolicyDocument | undefined) ?? ports.system.policies ?? nothing;
  if (options['json'] === true) {
    terminal.write(`${JSON.stringify({ version: found?.version ?? 0, covers, rules }, null, 2)}\n`);
    return 0;
  }
  const origin =
    found === undefined
      ? 'as the system declares them'
      : `version ${found.version}, set by ${found.by}, ${found.at}`;
  terminal.write(`Policies ${origin}. Closed unless permitted: ${covers.join(', ') || 'nothing'}.\n`);
  const rows = rules.map(({ id, effect, operations, services = [], scopes = [], when = [] }) => [
    id,
    effect,
    operations.join(' '),
    services.join(' ') || 'any',
    scopes.join(' ') || '–',
    String(when.length),
  ]);
  if (rows.length > 0)
    terminal.write(renderTable(['rule', 'effect', 'operations', 'services', 'scopes', 'conditions'], rows));
  return 0;
}

/** `banyan policy show [VERSION]`: a document, as `set` takes it. */
export async function show({ ports, words, terminal }: VerbInput): Promise<number> {
  const found =
    words.length === 0 ? await ports.documents.get(policyDocument) : await versionNamed(ports, words);
  terminal.write(`${JSON.stringify(found?.value ?? ports.system.policies ?? nothing, null, 2)}\n`);
  return 0;
}

/** `banyan policy set`: checks a document and puts it in force everywhere, at once. */
export async function set(input: VerbInput): Promise<number> {
  const { ports, options, terminal } = input;
  const document = await readPolicies({ options }, { system: ports.system, terminal });
  return put(input, document, reasonOf(options));
}

/** `banyan policy history`: who changed them, when and why; newest first. */
export async function history(input: VerbInput): Promise<number> {
  const found = await input.ports.documents.history(policyDocument, Math.min(limitOf(input), 1_000));
  if (input.options['json'] === true) input.terminal.write(`${JSON.stringify(found, null, 2)}\n`);
  else if (found.length === 0) input.terminal.write('Nobody has set any policies.\n');
  else {
    const rows = found.map(({ version, at, by, why }) => [String(version), at, by, why]);
    input.terminal.write(renderTable(['version', 'at', 'by', 'why'], rows));
  }
  return 0;
}

/** `banyan policy revert VERSION`: sets an earlier document again, as a new version. */
export async function revert(input: VerbInput): Promise<number> {
  const { ports, words, options } = input;
  const former = await versionNamed(ports, words);
  // The contracts may have changed since.
  const document = checkSystemPolicies(ports.system, former.value);
  return put(input, document, `${reasonOf(options)} (version ${former.version} again)`);
}

async function put(input: VerbInput, value: PolicyDocument, why: string): Promise<number> {
  const { ports, terminal } = input;
  const expectedVersion =
    expectedVersionOf(input) ?? (await ports.documents.get(policyDocument))?.version ?? 0;
  const { version } = await ports.documents.put(policyDocument, {
    value,
    expectedVersion,
    by: actor(input),
    why,
  });
  terminal.write(`Version ${version} is in force; every service obeys it within 5 seconds.\n`);
  return 0;
}

/** The version that the change was made for; undefined for whichever is in force. */
function expectedVersionOf({ options: { version } }: VerbInput): number | undefined {
  if (version === undefined) return undefined;
  const expected = typeof version === 'string' && /^\d{1,9}$/.test(version) ? Number(version) : undefined;
  if (expected === undefined)
    throw wrong('--version is the number that banyan policy history shows; 0 for what the system declares.');
  return expected;
}

function reasonOf({ why }: VerbInput['options']): string {
  if (typeof why === 'string' && why !== '') return why;
  throw wrong('Say why, for the history: --why TEXT.');
}

async function versionNamed(
  { documents }: VerbInput['ports'],
  [word]: readonly string[],
): Promise<RuntimeDocument> {
  const found = (await documents.history(policyDocument, 1_000)).find(
    ({ version }) => String(version) === word,
  );
  if (found !== undefined) return found;
  throw wrong(
    word === undefined
      ? 'Name a version: banyan policy revert VERSION.'
      : `There is no version '${word}' of the policies.`,
  );
}
