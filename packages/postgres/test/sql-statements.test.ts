import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
// A pure function that the public API shows only through migrations of a database.
import { splitStatements } from '../src/sql-statements.ts';

const piece = fc.constantFrom(
  "'a;b'",
  "'it''s;'",
  "e'\\';'",
  '"a;""b"',
  '$$ x; y $$',
  '$tag$ $$ ; $tag$',
  '-- a; b\n',
  '/* a; /* b; */ c; */',
  '(a; b)',
  'select',
  '1',
  ' ',
  '\n',
  'begin_x',
  'case when 1 then 2 end',
);

test('a script splits at the semicolons between statements and nowhere else', () => {
  fc.assert(
    fc.property(fc.array(fc.array(piece, { minLength: 1, maxLength: 6 }), { maxLength: 6 }), (parts) => {
      const statements = parts.map((pieces) => `select ${pieces.join(' ')}`);
      const found = splitStatements(statements.join(' ;\n'));
      assert.deepEqual(
        found.map(({ text }) => text),
        statements.map((statement) => statement.trimEnd()),
      );
    }),
  );
});

test('lines are counted from 1 at the first word of a statement', () => {
  assert.deepEqual(splitStatements('\n-- about a\nselect\n1;\n\n/* b\n*/ select 2;;\n-- end'), [
    { text: 'select\n1', line: 3 },
    { text: 'select 2', line: 7 },
  ]);
});

test('hostile text ends, whatever it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...`;'"$-/*e\\ab( )\n`), maxLength: 300 }), (script) => {
      const total = splitStatements(script).reduce((sum, { text }) => sum + text.length, 0);
      assert.ok(total <= script.length);
    }),
  );
});
