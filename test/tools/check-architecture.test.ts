import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const tool = fileURLToPath(new URL('../../tools/check-architecture.ts', import.meta.url));
const folders: string[] = [];
after(() => {
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true });
});

type Files = Record<string, string | object>;

const manifest = (name: string, more: object = {}) => ({
  name,
  version: '1.0.0',
  exports: { '.': './src/index.ts', './testing': './src/testing.ts' },
  ...more,
});

/** A repository without a fault: three layers, and a system of two services with a folder that they share. */
const sound: Files = {
  'architecture.json': { rows: [['core'], ['rpc', 'events'], ['banyan']] },
  'docs/decisions/0001-toolchain.md':
    '| package | why |\n|---|---|\n| `zod` | schemas |\n| `@engine/*` | binaries |\n',
  'packages/core/package.json': manifest('@banyan/core'),
  'packages/core/src/index.ts': "import fs from 'node:fs';\nexport { a } from './a.ts';\n",
  'packages/rpc/package.json': manifest('@banyan/rpc', {
    dependencies: { '@banyan/core': '1.0.0', '@engine/linux': '2.0.0' },
    devDependencies: { '@banyan/banyan': '1.0.0' },
  }),
  'packages/rpc/src/index.ts': `/**
 * import { no } from '@banyan/banyan';
 */
// import 'nothing';
import type {
  A,
} from '@banyan/core/testing';
import own from '../package.json' with { type: 'json' };
`,
  'packages/rpc/test/rpc.test.ts':
    "import { b } from '@banyan/banyan';\nimport { c } from '@banyan/rpc';\nimport '../src/pure.ts';\n",
  'packages/events/package.json': manifest('@banyan/events'),
  'packages/banyan/package.json': manifest('@banyan/banyan', { dependencies: { '@banyan/rpc': '1.0.0' } }),
  'systems/shop/package.json': manifest('shop', {
    dependencies: { '@banyan/banyan': '1.0.0', zod: '4.0.0' },
  }),
  'systems/shop/system.ts':
    "import { a } from './orders/service.ts';\nimport { b } from './payments/service.ts';\n",
  'systems/shop/vocabulary/money.ts': "import { z } from 'zod';\n",
  'systems/shop/stage-2/system.ts': "import { o } from '../orders/service.ts';\n",
  'systems/shop/orders/contract.ts':
    "import { contract } from '@banyan/banyan';\nimport { m } from '../vocabulary/money.ts';\n",
  'systems/shop/orders/service.ts':
    "import { p } from '../payments/contract.ts';\nimport { q } from './contract.ts';\n",
  'systems/shop/payments/contract.ts': '',
  'systems/shop/payments/service.ts': '',
  'systems/shop/test/shop.test.ts': "import { s } from '../orders/service.ts';\n",
};

function check(changes: Files): {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
} {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'banyan-architecture-'));
  folders.push(root);
  for (const [name, content] of Object.entries({ ...sound, ...changes })) {
    fs.mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    fs.writeFileSync(path.join(root, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  const { status, stdout, stderr } = spawnSync(process.execPath, [tool, root], { encoding: 'utf8' });
  return { code: status, stdout, stderr };
}

test('a sound repository passes and its rows are printed, the highest first', () => {
  const { code, stdout, stderr } = check({});
  assert.equal(stderr, '');
  assert.equal(stdout, '2  banyan\n1  rpc +1 · events\n0  core\n');
  assert.equal(code, 0);
});

const faults: readonly { readonly what: string; readonly changes: Files; readonly says: string }[] = [
  {
    what: 'a dependency on a package of the same row',
    changes: {
      'packages/events/package.json': manifest('@banyan/events', {
        dependencies: { '@banyan/rpc': '1.0.0' },
      }),
    },
    says: 'packages/events: may not depend on @banyan/rpc, which is in the same row',
  },
  {
    what: 'a dependency on a package of a higher row, also as an optional one',
    changes: {
      'packages/core/package.json': manifest('@banyan/core', {
        optionalDependencies: { '@banyan/rpc': '1.0.0' },
      }),
    },
    says: 'packages/core: may not depend on @banyan/rpc, which is in a higher row',
  },
  {
    what: 'a package without a row',
    changes: { 'packages/saga/package.json': manifest('@banyan/saga') },
    says: 'packages/saga: give it a row in architecture.json',
  },
  {
    what: 'a row for a package that does not exist',
    changes: { 'architecture.json': { rows: [['core', 'ghost'], ['rpc', 'events'], ['banyan']] } },
    says: 'there is no packages/ghost',
  },
  {
    what: 'another version',
    changes: { 'packages/events/package.json': { ...manifest('@banyan/events'), version: '1.0.1' } },
    says: '@banyan/events: has version 1.0.1, others 1.0.0',
  },
  {
    what: 'an import that is not declared, over several lines',
    changes: { 'packages/events/src/index.ts': "export {\n  a,\n  b,\n} from '@banyan/core';\n" },
    says: 'packages/events/src/index.ts:4: declare @banyan/core',
  },
  {
    what: 'a source that imports what only tests may',
    changes: { 'packages/rpc/src/late.ts': "const late = await import('@banyan/banyan');\n" },
    says: 'packages/rpc/src/late.ts:1: declare @banyan/banyan',
  },
  {
    what: 'a type taken from an undeclared package',
    changes: { 'packages/core/src/a.ts': "export type A = import('zod').ZodType;\n" },
    says: 'packages/core/src/a.ts:1: declare zod',
  },
  {
    what: 'a deep import',
    changes: { 'packages/rpc/src/deep.ts': "import '@banyan/core/src/errors.ts';\n" },
    says: "packages/rpc/src/deep.ts:1: @banyan/core does not export './src/errors.ts'",
  },
  {
    what: 'a relative path into another package',
    changes: { 'packages/rpc/src/path.ts': "import { a } from '../../core/src/index.ts';\n" },
    says: "packages/rpc/src/path.ts:1: '../../core/src/index.ts' leaves src/",
  },
  {
    what: 'a package that imports an application',
    changes: { 'packages/rpc/test/shop.test.ts': "import { a } from '../../../systems/shop/system.ts';\n" },
    says: "packages/rpc/test/shop.test.ts:1: '../../../systems/shop/system.ts' leaves rpc/",
  },
  {
    what: 'a built-in module without its prefix',
    changes: { 'packages/core/src/fs.ts': "import fs from 'fs';\n" },
    says: "packages/core/src/fs.ts:1: write 'node:fs'",
  },
  {
    what: 'a service that reaches into another service',
    changes: { 'systems/shop/orders/service.ts': "import { p } from '../payments/service.ts';\n" },
    says: 'systems/shop/orders/service.ts:1: a service meets another one only in its contract: import ../payments/contract.ts',
  },
  {
    what: 'a shared folder that reaches into a service',
    changes: { 'systems/shop/vocabulary/money.ts': "import { p } from '../payments/service.ts';\n" },
    says: 'systems/shop/vocabulary/money.ts:1: a service meets another one only in its contract',
  },
  {
    what: 'a service that imports the system',
    changes: { 'systems/shop/orders/service.ts': "import s from '../system.ts';\n" },
    says: 'systems/shop/orders/service.ts:1: a service may not import the system',
  },
  {
    what: 'a runtime dependency without a reason',
    changes: {
      'systems/shop/package.json': manifest('shop', {
        dependencies: { '@banyan/banyan': '1.0.0', zod: '4.0.0', sharp: '1.0.0' },
      }),
    },
    says: 'shop: write the reason for sharp into a decision record',
  },
];
for (const { what, changes, says } of faults) {
  test(`${what} is refused, and nothing else`, () => {
    const { code, stdout, stderr } = check(changes);
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.ok(stderr.startsWith(says) || stderr.includes(`: ${says}`), stderr);
    assert.equal(stderr.trim().split('\n').length, 1, stderr);
  });
}
