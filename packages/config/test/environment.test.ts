import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { describeConfig, loadEnvironment, parseEnvFile } from '@banyan/config';
import { isServiceError } from '@banyan/core';
import fc from 'fast-check';
import { z } from 'zod';

const parsed: readonly (readonly [string, string, Readonly<Record<string, string>>])[] = [
  [
    'plain values, comments and blank lines',
    '# top\n\nA=1\n  B = two words \nC=x # comment\n#D=4',
    { A: '1', B: 'two words', C: 'x' },
  ],
  ['a number sign inside a word', 'URL=http://a/#b\nEMPTY=# nothing', { URL: 'http://a/#b', EMPTY: '' }],
  ['an empty value', 'A=\nB=""', { A: '', B: '' }],
  ['export and a value with =', 'export A=b=c\nexport\tB=1', { A: 'b=c', B: '1' }],
  [
    'escapes in double quotes',
    String.raw`A="a\nb\t\"c\" \\ \$x C:\dir" # comment`,
    { A: 'a\nb\t"c" \\ $x C:\\dir' },
  ],
  ['literal single quotes and backticks', "A='a\\n\"b\" #c'\nB=`it's`", { A: 'a\\n"b" #c', B: "it's" }],
  ['a value over several lines', 'A="one\n# two\n\nfour"\nB=2', { A: 'one\n# two\n\nfour', B: '2' }],
  [
    'line ends of other systems and a byte order mark',
    '\uFEFFA=1\r\nB="x\r\ny"\rC=3',
    { A: '1', B: 'x\ny', C: '3' },
  ],
  ['the later of two with the same name', 'A=1\nA=2', { A: '2' }],
  ['an apostrophe inside a word', "A=it's", { A: "it's" }],
  ['no expansion', 'A=$HOME $(B)', { A: '$HOME $(B)' }],
  ['nothing', '', {}],
];
for (const [what, text, expected] of parsed) {
  test(`a .env file gives ${what}`, () => {
    assert.deepEqual(parseEnvFile(text), expected);
  });
}

test('a variable named __proto__ is a variable', () => {
  assert.deepEqual(Object.entries(parseEnvFile('__proto__=x')), [['__proto__', 'x']]);
});

const corrupt: readonly (readonly [string, string, RegExp])[] = [
  ['no equals sign', 'A=1\n\njust words', /^my\.env:3: expected NAME=value, found no '='\.$/],
  ['a bad name', 'A B=1', /^my\.env:1: the name before '='/],
  ['no name', '=1', /^my\.env:1: the name/],
  ['a YAML line', 'a: b=c', /^my\.env:1: the name/],
  ['an open double quote, told at its start', 'A=1\nB="x\ny\nz', /^my\.env:2: the value has no closing "\.$/],
  ['an open single quote', "A='x\nB=2'", /^my\.env:1: the value has no closing ';/],
  ['text after the quote', 'A="x" y', /^my\.env:1: there is more after the closing quote\.$/],
  ['text after a quote lines later', 'A="x\ny" z', /^my\.env:2: there is more/],
  ['a quote ended by an escape', 'A="x\\"', /^my\.env:1: the value has no closing "/],
  ['NUL bytes', 'A=1\nB=\0', /^my\.env:2: this is not text/],
  ['more than a megabyte', `A=${'x'.repeat(2_000_000)}`, /^my\.env:1: the file is larger/],
];
for (const [what, text, message] of corrupt) {
  test(`a .env file with ${what} gives one line with file and line number, without values`, () => {
    assert.throws(
      () => parseEnvFile(text, 'my.env'),
      (error) => {
        assert.ok(isServiceError(error));
        assert.equal(error.reason, 'invalid_env_file');
        assert.match(error.message, message);
        return !error.message.includes('\n');
      },
    );
  });
}

test('what is written in double quotes is read back, whatever it is', () => {
  const quote = (value: string) =>
    `"${value
      .replace(/[\\"$]/g, '\\$&')
      .replaceAll('\n', '\\n')
      .replaceAll('\r', '\\r')}"`;
  const values = fc
    .string({ unit: 'binary' })
    .filter((value) => !/[\0\uFFFD]/.test(value) && value.isWellFormed());
  fc.assert(
    fc.property(fc.array(values, { maxLength: 5 }), (all) => {
      const text = all.map((value, index) => `  export V${index} = ${quote(value)}   # "comment`).join('\n');
      assert.deepEqual(
        parseEnvFile(text),
        Object.fromEntries(all.map((value, index) => [`V${index}`, value])),
      );
    }),
  );
});

test('any text is parsed or refused with a line number', () => {
  const pieces = fc.constantFrom('A', '=', '"', "'", '`', '\\', '\n', '#', ' ', 'export ', '$', '\r', 'b');
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.array(pieces).map((parts) => parts.join('')),
      ),
      (text) => {
        try {
          for (const value of Object.values(parseEnvFile(text))) assert.equal(typeof value, 'string');
        } catch (error) {
          assert.ok(isServiceError(error), String(error));
          assert.match(error.message, /^\.env:\d+: .+\.$/);
        }
      },
    ),
    { numRuns: 500 },
  );
});

const folder = mkdtempSync(join(tmpdir(), 'banyan-config-'));
after(() => rmSync(folder, { recursive: true }));

function fileOf(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const services = [
  { name: 'orders', config: z.object({ maxQuantity: z.int(), s3Bucket: z.string() }) },
  { name: 'photo', config: z.object({ size: z.int() }) },
  { name: 'photo-print', config: z.object({ mode: z.string() }) },
  { name: 'home', config: undefined },
];

test('the real environment wins over files, and earlier files over later ones', () => {
  const files = [
    fileOf('local.env', 'A=local\nB=local'),
    join(folder, 'missing.env'),
    pathToFileURL(fileOf('shared.env', 'A=shared\nB=shared\nC=shared\nD=shared')),
  ];
  const { source, warnings } = loadEnvironment({ env: { A: 'real', D: '', E: undefined }, files });
  assert.deepEqual(source, { A: 'real', B: 'local', C: 'shared', D: '' });
  assert.deepEqual(warnings, []);
});

test('a file that cannot be read or is no text is one clear line', () => {
  const directory = join(folder, 'directory.env');
  mkdirSync(directory);
  const invalid = (message: RegExp) => (error: unknown) =>
    isServiceError(error) && error.reason === 'invalid_env_file' && message.test(error.message);
  assert.throws(() => loadEnvironment({ env: {}, files: [directory] }), invalid(/directory\.env: .*EISDIR/));
  const binary = fileOf('binary.env', Uint8Array.from([0x41, 0x3d, 0x31, 0x0a, 0x42, 0x3d, 0xff, 0xfe]));
  assert.throws(
    () => loadEnvironment({ env: {}, files: [binary] }),
    invalid(/binary\.env:2: this is not text/),
  );
});

test('a misspelt variable is reported with the one that was meant', () => {
  const env = {
    ORDERS_MAX_QUANTIY: '5',
    ORDERS_S3_BUCKTE: 'x',
    ORDERS_SOMETHING_ELSE: '1',
    OTHERS_X: '1',
    HOME_X: '1',
  };
  assert.deepEqual(
    loadEnvironment({ env, files: [], services }).warnings.map(({ variable, suggestion }) => [
      variable,
      suggestion,
    ]),
    [
      ['ORDERS_MAX_QUANTIY', 'ORDERS_MAX_QUANTITY'],
      ['ORDERS_S3_BUCKTE', 'ORDERS_S3_BUCKET'],
      ['ORDERS_SOMETHING_ELSE', undefined],
    ],
  );
  const [first] = loadEnvironment({ env, files: [], services }).warnings;
  assert.equal(
    first?.message,
    'orders: ORDERS_MAX_QUANTIY is set, but nothing reads it; did you mean ORDERS_MAX_QUANTITY?',
  );
});

test('variables that someone reads are not reported: other services, known ones, service links of Kubernetes', () => {
  const env = {
    PHOTO_PRINT_MODE: 'fine',
    ORDERS_MAX_QUANTITY: '1',
    ORDERS_DATABASE_URL: 'x',
    ORDERS_PORT: 'tcp://10.0.0.1:80',
    ORDERS_PORT_80_TCP_ADDR: '10.0.0.1',
    ORDERS_SERVICE_HOST: '10.0.0.1',
  };
  const { warnings } = loadEnvironment({ env, files: [], services, known: ['ORDERS_DATABASE_URL'] });
  assert.deepEqual(warnings, []);
  const typo = loadEnvironment({ env: { PHOTO_PRINT_MOD: 'x' }, files: [], services }).warnings;
  assert.deepEqual(
    typo.map(({ service, suggestion }) => [service, suggestion]),
    [['photo-print', 'PHOTO_PRINT_MODE']],
  );
});

test('a configuration is described row by row, without the defaults of secrets', () => {
  const schema = z.object({
    maxQuantity: z.int().min(1).max(100).default(10).describe('Most items of one order.'),
    modes: z.array(z.enum(['a', 'b'])).default(['a', 'b']),
    labels: z.array(z.string()).default(['two words']),
    apiKey: z.string().default('development-key'),
    url: z.url(),
  });
  const row = { required: false, default: undefined, description: undefined, secret: false };
  assert.deepEqual(describeConfig('orders', schema), [
    {
      ...row,
      variable: 'ORDERS_MAX_QUANTITY',
      property: 'maxQuantity',
      type: 'a whole number from 1 to 100',
      default: '10',
      description: 'Most items of one order.',
    },
    {
      ...row,
      variable: 'ORDERS_MODES',
      property: 'modes',
      type: 'a list separated by commas, each one of a, b',
      default: 'a,b',
    },
    {
      ...row,
      variable: 'ORDERS_LABELS',
      property: 'labels',
      type: 'a list separated by commas, each text',
      default: '["two words"]',
    },
    { ...row, variable: 'ORDERS_API_KEY', property: 'apiKey', type: 'text', secret: true },
    { ...row, variable: 'ORDERS_URL', property: 'url', type: 'a URL', required: true },
  ]);
});
