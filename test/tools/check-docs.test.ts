import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const tools = fileURLToPath(new URL('../../tools/', import.meta.url));
const folders: string[] = [];
after(() => {
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true });
});

type Files = Record<string, string>;

const readme =
  '# rpc\n\n```ts\nexport const answer: number = 42;\n```\n\n## Guarantees\n\n## What happens when\n';
const sound: Files = {
  'package.json': '{"scripts":{"start":"x","bench":"x"},"type":"module"}',
  'architecture.json': '{"rows":[["rpc"]]}',
  'ARCHITECTURE.md':
    '<!-- generated: layers -->\n| row | packages |\n| --- | --- |\n| 0 | **rpc**: Calls. |\n<!-- end of layers -->\n',
  'README.md':
    '# Top\n\n[rpc](packages/rpc/README.md#guarantees)\n\n```sh\nnpm start\nbanyan up --split # all apart\n```\n',
  'packages/rpc/package.json':
    '{"name":"@banyan/rpc","version":"1.0.0","type":"module","description":"Calls."}',
  'packages/rpc/README.md': readme,
  'packages/rpc/src/errors.ts':
    "export const rpcErrors = { circuit_open: { code: 'unavailable', text: 'Open | shut.' } } as const;\n",
  'packages/rpc/src/breaker.ts': "export const error = { reason: 'circuit_open' };\n",
  'packages/rpc/test/rpc.test.ts': "test('a breaker opens', () => {});",
  'packages/banyan/src/commands.ts':
    "export const commands = [{ name: 'up', usage: 'banyan up', summary: 'Run.', options: { split: { summary: 'Apart.' } } }];\n",
  'packages/banyan/src/environment.ts':
    "export const environmentVariables = [{ name: 'BANYAN_ENV', default: 'development', summary: 'Which.' }];\n",
  'docs/reference/errors.md':
    '# Errors\n\n<!-- generated: errors -->\n\n| reason | code | HTTP | package | meaning |\n| --- | --- | --- | --- | --- |\n| `circuit_open` | `unavailable` | 503 | rpc | Open \\| shut. |\n\n<!-- end of errors -->\n',
  'docs/reference/command-line.md':
    '<!-- generated: commands -->\n## banyan up\n\nRun.\n\n`banyan up`\n\n| option | effect |\n| --- | --- |\n| `--split` | Apart. |\n<!-- end of commands -->\n',
  'docs/reference/configuration.md':
    '<!-- generated: variables -->\n| variable | default | meaning |\n| --- | --- | --- |\n| `BANYAN_ENV` | development | Which. |\n<!-- end of variables -->\n',
  'docs/coverage.md':
    '```\n| R1 | how to write a row |\n```\n| row | what | test | title |\n|---|---|---|---|\n| C9 | breaker | `packages/rpc/test/rpc.test.ts` | a breaker opens |\n',
  'docs/decisions/0001-calls.md': '# 0001: Calls\n',
  'docs/decisions/README.md':
    '<!-- generated: decisions -->\n- [0001](0001-calls.md): Calls\n<!-- end of decisions -->\n',
  'docs/glossary.md': '- **inbox**: in\n- **outbox**: out\n',
};

function run(tool: string, changes: Files, ...args: readonly string[]) {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'banyan-docs-'));
  folders.push(root);
  for (const [name, text] of Object.entries({ ...sound, ...changes })) {
    fs.mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    fs.writeFileSync(path.join(root, name), text);
  }
  fs.symlinkSync(path.join(tools, '..', 'node_modules'), path.join(root, 'node_modules'));
  const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(tools, tool), root, ...args], {
    encoding: 'utf8',
  });
  return { root, code: status, stdout, stderr };
}

test('sound pages pass', () => {
  const docs = run('check-docs.ts', {});
  assert.equal(docs.stderr, '');
  assert.equal(docs.code, 0);
  const examples = run('check-examples.ts', {});
  assert.equal(examples.stderr, '');
  assert.match(examples.stdout, /^1 examples on 10 pages/);
});

const row = (rest: string) => ({ 'docs/coverage.md': `| ${rest} |\n` });
const faults: readonly { readonly what: string; readonly changes: Files; readonly says: string }[] = [
  {
    what: 'an error reason that the page lacks',
    changes: {
      'packages/rpc/src/errors.ts':
        "export const rpcErrors = { circuit_open: { code: 'unavailable', text: 'Open | shut.' }, shut_down: { code: 'unavailable', text: 'x' } };\nconst used = 'shut_down';\n",
    },
    says: 'docs/reference/errors.md: the code has, the page has not: | `shut_down`',
  },
  {
    what: 'an error reason that only the page has',
    changes: {
      'docs/reference/errors.md':
        sound['docs/reference/errors.md']?.replace('\n\n<!-- end', '\n| `old` | x |\n\n<!-- end') ?? '',
    },
    says: 'docs/reference/errors.md: the page has, the code has not: | `old`',
  },
  {
    what: 'a reason given without a table',
    changes: { 'packages/rpc/src/other.ts': "export const other = { reason: 'made_up' };" },
    says: "packages/rpc: 'made_up' stands in no table",
  },
  {
    what: 'a reason that nothing gives',
    changes: { 'packages/rpc/src/breaker.ts': '' },
    says: "packages/rpc/src/errors.ts: nothing gives the reason 'circuit_open'",
  },
  {
    what: 'a decision without a title',
    changes: { 'docs/decisions/0002-links.md': '## Links\n' },
    says: "docs/decisions/0002-links.md: begin with '# 0002: ' and a title.",
  },
  {
    what: 'a decision that has the number of another in its title',
    changes: { 'docs/decisions/0002-links.md': '# 0001: Links\n' },
    says: "docs/decisions/0002-links.md: begin with '# 0002: ' and a title.",
  },
  {
    what: 'an option that the page lacks',
    changes: {
      'packages/banyan/src/commands.ts':
        sound['packages/banyan/src/commands.ts']?.replace(
          'options: {',
          "options: { own: { value: 'A', summary: 'Own.' },",
        ) ?? '',
    },
    says: 'docs/reference/command-line.md: the code has, the page has not: | `--own A` | Own. |',
  },
  {
    what: 'an environment variable without a row',
    changes: { 'packages/rpc/src/late.ts': "export const name = 'BANYAN_LATE';" },
    says: 'docs/reference/configuration.md: add a row for BANYAN_LATE',
  },
  {
    what: 'a dead link',
    changes: { 'docs/README.md': '# A\n\n[a](nope.md)\n' },
    says: "docs/README.md:3: 'nope.md' leads nowhere",
  },
  {
    what: 'a dead anchor',
    changes: { 'docs/README.md': '[a](../README.md#nope)\n' },
    says: "docs/README.md:1: '../README.md#nope' names a heading",
  },
  {
    what: 'an unknown row of the catalogue',
    changes: row('C180 | x | `packages/rpc/test/rpc.test.ts` | a breaker opens'),
    says: 'docs/coverage.md:1: the catalogue has no C180',
  },
  {
    what: 'a coverage row without its file',
    changes: row('R4 | x | `nope.test.ts` | a breaker opens'),
    says: 'docs/coverage.md:1: there is no nope.test.ts',
  },
  {
    what: 'a coverage row without its test',
    changes: row('R4 | x | `packages/rpc/test/rpc.test.ts` | nope'),
    says: "docs/coverage.md:1: packages/rpc/test/rpc.test.ts has no test 'nope'",
  },
  { what: 'a coverage row of another form', changes: row('R4 | x'), says: 'docs/coverage.md:1: write it as' },
  {
    what: 'a term that stands twice',
    changes: { 'docs/glossary.md': '- **inbox**: in\n- **Inbox**: out\n' },
    says: "docs/glossary.md: 'inbox' stands twice",
  },
  {
    what: 'a package without a README',
    changes: {
      'packages/events/package.json': '{"name":"@banyan/events","version":"1.0.0","type":"module"}',
    },
    says: 'packages/events/README.md: write it',
  },
  {
    what: 'a decision that the list lacks',
    changes: { 'docs/decisions/0002-events.md': '# 0002: Events\n' },
    says: 'docs/decisions/README.md: the code has, the page has not: - [0002](0002-events.md): Events',
  },
  {
    what: 'a README without its sections',
    changes: { 'packages/rpc/README.md': readme.replace('## What happens when', ''), 'README.md': '# Top\n' },
    says: "packages/rpc/README.md: add the section '## What happens when'",
  },
];
for (const { what, changes, says } of faults) {
  test(`${what} is found, and nothing else`, () => {
    const { code, stderr } = run('check-docs.ts', changes);
    assert.equal(code, 1);
    assert.ok(stderr.startsWith(says), stderr);
    assert.equal(stderr.trim().split('\n').length, 1, stderr);
  });
}

test('--write makes the generated sections equal to the code and leaves the words around them', () => {
  const page = '# Errors\n\nBefore.\n\n<!-- generated: errors -->\nold\n<!-- end of errors -->\n\nAfter.\n';
  const { code, root } = run('check-docs.ts', { 'docs/reference/errors.md': page }, '--write');
  assert.equal(code, 0);
  const written = fs.readFileSync(path.join(root, 'docs/reference/errors.md'), 'utf8');
  assert.match(written, /^# Errors\n\nBefore\.\n\n<!-- generated: errors -->\n\n\| reason /);
  assert.match(written, /Open \\\| shut\. \|\n\n<!-- end of errors -->\n\nAfter\.\n$/);
});

const badExamples: readonly { readonly what: string; readonly page: string; readonly says: RegExp }[] = [
  {
    what: 'a type error',
    page: '# A\n\n```ts\nconst a: number = "b";\n```\n',
    says: /^docs\/a\.md:4: error TS2322/,
  },
  {
    what: 'an unchecked block without a reason',
    page: '```ts no-check\nx\n```\n',
    says: /^docs\/a\.md:1: say in an HTML comment/,
  },
  {
    what: 'an unknown script',
    page: '```sh\nnpm run nope\n```\n',
    says: /^docs\/a\.md:2: package\.json has no script 'nope'/,
  },
  {
    what: 'an unknown command',
    page: '```sh\n$ banyan down\n```\n',
    says: /^docs\/a\.md:2: banyan has no command 'down'/,
  },
  {
    what: 'an unknown option',
    page: '```sh\nA=1 npx banyan up --slow\n```\n',
    says: /^docs\/a\.md:2: banyan up has no option '--slow'/,
  },
  {
    what: 'a name that leaves the folder',
    page: '```ts file=../x.ts\n```\n',
    says: /^docs\/a\.md:1: '\.\.\/x\.ts' leaves the folder/,
  },
];
for (const { what, page, says } of badExamples) {
  test(`an example with ${what} is found at its line`, () => {
    const { code, stderr } = run('check-examples.ts', { 'docs/a.md': page });
    assert.equal(code, 1);
    assert.match(stderr, says);
  });
}

test('blocks with names import each other, and an excused block is left out', () => {
  const page = `
\`\`\`ts file=contract.ts
export const a: number = 1;
\`\`\`
\`\`\`ts
import { a } from './contract.ts';
export const b: number = a;
\`\`\`
<!-- not checked: it shows what not to write -->
\`\`\`ts no-check
const a: = ;
\`\`\`
`;
  const { code, stderr, stdout } = run('check-examples.ts', { 'docs/a.md': page });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^3 examples/);
});
