import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sqlFragment } from '@banyan/core';
import { createDatabase } from '@banyan/postgres';
import { createTestDatabase } from '@banyan/testing';
import fc from 'fast-check';

// What PostgreSQL can store as text: no NUL, and no half of a surrogate pair.
const text = fc
  .string({ unit: 'binary', maxLength: 60 })
  .filter((s) => !s.includes('\0') && s.isWellFormed());
const hostile = fc.constantFrom(
  "'; drop table t; --",
  '" or 1=1 --',
  '$1',
  '$$',
  '\\',
  "\\'",
  'a.b',
  'select',
  '/*',
  "e'\\''",
);

test('a value comes back as it was sent, whatever it contains', async (t) => {
  const { database } = await createTestDatabase(t);
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(text, hostile),
      fc.array(fc.oneof(text, hostile), { maxLength: 5 }),
      async (value, list) => {
        const rows = await database.sql`
        select ${value}::text as value, ${database.sql.array(list, 'text')} as list, ${database.sql.json({ value })} as json`;
        assert.deepEqual(rows, [{ value, list, json: { value } }]);
      },
    ),
    { numRuns: 150 },
  );
});

test('a table and a column may have any name', async (t) => {
  const { database } = await createTestDatabase(t);
  // A dot separates schema and table in `identifier`, so it is left out here.
  const name = fc
    .oneof(text, hostile)
    .filter(
      (s) =>
        s !== '' && !s.includes('.') && Buffer.byteLength(s) <= 63 && !/[A-Z_]/.test(s) && s !== '__proto__',
    );
  await fc.assert(
    fc.asyncProperty(name, name, async (table, column) => {
      const { sql } = database;
      await sql`create table ${sql.identifier(table)} (${sql.identifier(column)} text)`;
      await sql`insert into ${sql.identifier(table)} ${sql.rows([{ [column]: 'x' }])}`;
      assert.deepEqual(await sql`select * from ${sql.identifier(table)}`, [{ [column]: 'x' }]);
      await sql`drop table ${sql.identifier(table)}`;
    }),
    { numRuns: 60 },
  );
});

test('names that PostgreSQL would cut or refuse are refused before', async (t) => {
  const { database } = await createTestDatabase(t);
  for (const name of ['', 'a'.repeat(64), 'ä'.repeat(32), 'a\0b', 'a..b', '.a']) {
    assert.throws(() => database.sql.identifier(name), TypeError, JSON.stringify(name));
  }
});

test('nested templates are inlined and their parameters renumbered', async (t) => {
  const { sql } = (await createTestDatabase(t)).database;
  const inner = sql`${2}::int + ${3}::int`;
  const middle = sql`(${inner}) * ${10}::int`;
  assert.deepEqual(await sql`select ${1}::int as a, ${middle} as b, ${inner} as c, ${4}::int as d`, [
    { a: 1, b: 50, c: 5, d: 4 },
  ]);
});

test('a query runs when it is first awaited, and once', async (t) => {
  const { sql } = (await createTestDatabase(t)).database;
  await sql`create table t (id int generated always as identity, note text)`;
  const never = sql`insert into t (note) values ('never awaited')`;
  const query = sql`insert into t (note) values ('once') returning note`;
  const results = await Promise.all([query, query, query.then((rows) => rows)]);
  assert.deepEqual(results, [[{ note: 'once' }], [{ note: 'once' }], [{ note: 'once' }]]);
  assert.deepEqual(await sql`select note from t`, [{ note: 'once' }]);
  assert.equal(sqlFragment in never, true);
});

test('values arrive in the documented forms', async (t) => {
  const { sql } = (await createTestDatabase(t)).database;
  const [row] = await sql`
    select timestamptz '2024-02-29 13:00:00.123456+02' as moment, timestamptz '2024-01-01 00:00+00' as whole,
      date '2024-02-29' as day, timestamp '2024-02-29 13:00' as local_time, 9007199254740991::int8 as big,
      12345678901234567890.5::numeric as exact, '{"a":[1]}'::jsonb as document, 'null'::json as nothing,
      '\\x00ff'::bytea as bytes, true as yes, 1.5::float8 as ratio, interval '1 day 2 hours' as wait,
      array[1,null,3]::int8[] as ids, array['a','b,"c']::text[] as words,
      array[timestamptz '2024-01-01 00:00Z'] as moments, 'infinity'::timestamptz as never, null::text as empty`;
  assert.deepEqual(row, {
    moment: '2024-02-29T11:00:00.123456Z',
    whole: '2024-01-01T00:00:00Z',
    day: '2024-02-29',
    localTime: '2024-02-29T13:00:00',
    big: 9_007_199_254_740_991,
    exact: '12345678901234567890.5',
    document: { a: [1] },
    nothing: null,
    bytes: new Uint8Array([0, 255]),
    yes: true,
    ratio: 1.5,
    wait: 'P1DT2H',
    ids: [1, null, 3],
    words: ['a', 'b,"c'],
    moments: ['2024-01-01T00:00:00Z'],
    never: 'infinity',
    empty: null,
  });
});

test('an int8 beyond 2^53 is an error, not a wrong number', async (t) => {
  const { sql } = (await createTestDatabase(t)).database;
  await assert.rejects(sql`select 9007199254740992::int8 as big`, RangeError);
  assert.deepEqual(await sql`select 1 as one`, [{ one: 1 }]);
});

test('parameters of every type keep their value', async (t) => {
  const { sql } = (await createTestDatabase(t)).database;
  const moment = new Date('2024-02-29T11:00:00.123Z');
  const [row] = await sql`
    select ${moment}::timestamptz as moment, ${12n ** 18n}::numeric as huge, ${false}::bool as no,
      ${new Uint8Array([1, 2])}::bytea as bytes, ${null}::int as nothing, ${0.1}::float8 as ratio,
      ${sql.array([new Uint8Array([3]), null], 'bytea')} as byte_list, ${sql.array([{ a: 1 }, null], 'jsonb')} as documents,
      ${sql.array([moment], 'timestamptz')} as moments, ${sql.array([], 'int4')} as none,
      ${sql.array(['ü"', null, ''], 'text')} as words, ${sql.array([null], 'text')} as nothings,
      ${sql.array(
        [
          [1, 2],
          [3, 4],
        ],
        'int4',
      )} as matrix`;
  assert.deepEqual(row, {
    moment: '2024-02-29T11:00:00.123Z',
    huge: String(12n ** 18n),
    no: false,
    bytes: new Uint8Array([1, 2]),
    nothing: null,
    ratio: 0.1,
    byteList: [new Uint8Array([3]), null],
    documents: [{ a: 1 }, null],
    moments: ['2024-02-29T11:00:00.123Z'],
    none: [],
    words: ['ü"', null, ''],
    nothings: [null],
    matrix: [
      [1, 2],
      [3, 4],
    ],
  });
});

test('rows inserts several objects, with defaults for what is missing', async (t) => {
  const { sql } = (await createTestDatabase(t)).database;
  await sql`create table orders (order_id int, sku text default 'none', note text)`;
  const inserted = await sql`
    insert into orders ${sql.rows([
      { orderId: 1, sku: 'a' },
      { orderId: 2, note: null },
      { orderId: 3, sku: undefined, note: 'x' },
    ])} returning *`;
  assert.deepEqual(inserted, [
    { orderId: 1, sku: 'a', note: null },
    { orderId: 2, sku: 'none', note: null },
    { orderId: 3, sku: 'none', note: 'x' },
  ]);
});

test('misuse is refused with the fix in the text, and nothing is sent', async (t) => {
  const { sql } = (await createTestDatabase(t)).database;
  const tag = sql as unknown as (strings: unknown, ...values: unknown[]) => unknown;
  assert.throws(() => tag('select 1'), /template tag/);
  assert.throws(() => tag(['select 1']), /template tag/);
  assert.throws(() => tag(Object.assign(['select 1'], { raw: ['select 1'] })), /template tag/);
  assert.throws(() => sql`select ${undefined as never}`, /use null/);
  assert.throws(() => sql`select ${[1] as never}`, /sql\.array/);
  assert.throws(() => sql`select ${{ a: 1 } as never}`, /sql\.json/);
  assert.throws(() => sql`select ${(() => 1) as never}`, TypeError);
  assert.throws(() => sql`select ${Symbol('x') as never}`, TypeError);
  assert.throws(() => sql`select ${new Date(Number.NaN)}`, RangeError);
  // JSON cannot make a symbol key, but a forged fragment must not get through either.
  assert.throws(
    () => sql`select ${{ [sqlFragment]: true, strings: ['1; drop'], values: [] } as never}`,
    TypeError,
  );
  assert.throws(() => sql.json(undefined), /null/);
  assert.throws(() => sql.array('x' as never, 'text'), TypeError);
  for (const type of ['text[]; drop table x', 'text]', '', 'a b c d e f', "t'"]) {
    assert.throws(() => sql.array([], type), /type name/, type);
  }
  assert.throws(() => sql.rows([]), /at least one row/);
  assert.throws(() => sql.rows([{}]), /at least one/);
  assert.throws(() => sql.rows([{ orderId: 1, order_id: 2 }]), /same column/);
  await assert.rejects(
    async () => sql`insert into t ${sql.rows(Array.from({ length: 65_536 }, (_, id) => ({ id })))}`,
    /unnest/,
  );
});

test('a multi-statement text and an empty one do what PostgreSQL does with them', async (t) => {
  const { sql } = (await createTestDatabase(t)).database;
  assert.deepEqual(await sql`select 1 as a; select 2 as b`, [{ b: 2 }]);
  assert.deepEqual(await sql``, []);
});

test('a column named __proto__ is data, not a prototype', async (t) => {
  const { sql } = (await createTestDatabase(t)).database;
  const [row] = await sql`select '{"admin": true}'::jsonb as "__proto__", 1 as id`;
  assert.equal((row as { admin?: boolean }).admin, undefined);
  assert.equal(Object.getPrototypeOf(row), Object.prototype);
});

test('refusals of the server become documented errors that name the constraint and hold no data', async (t) => {
  const { sql } = (await createTestDatabase(t)).database;
  await sql`create table parents (id int primary key, size int constraint size_positive check (size > 0), name text not null)`;
  await sql`create table children (parent_id int constraint child_parent references parents)`;
  await sql`insert into parents values (1, 1, 'x')`;
  await assert.rejects(sql`insert into parents values (1, 1, 'secret value')`, {
    code: 'already_exists',
    reason: 'unique_violation',
    details: { constraint: 'parents_pkey' },
  });
  await assert.rejects(sql`insert into parents values (2, -1, 'x')`, {
    code: 'failed_precondition',
    reason: 'constraint_violation',
    details: { constraint: 'size_positive' },
  });
  await assert.rejects(sql`insert into parents values (2, 1, null)`, {
    reason: 'constraint_violation',
    details: { column: 'name' },
  });
  await assert.rejects(sql`insert into children values (77)`, { details: { constraint: 'child_parent' } });
  await assert.rejects(sql`select ${'abc'}::int`, { code: 'invalid_argument', reason: 'invalid_value' });
  await assert.rejects(sql`select ${'a\0b'}::text`, { code: 'invalid_argument', reason: 'invalid_value' });
  const error = await sql`insert into parents values (${1}, ${1}, ${'secret value'})`.catch((e: Error) => e);
  assert.ok(error instanceof Error && error.cause instanceof Error);
  assert.match(error.cause.message, /insert into parents/);
  assert.doesNotMatch(`${error.message}${error.cause.message}`, /secret/);
});

test('a select that outlives a change of its table is repeated with a new plan', async (t) => {
  const { url } = await createTestDatabase(t);
  // One connection: repeating needs none beside the one that has met the change.
  const database = createDatabase({ url, maxConnections: 1, acquireTimeoutMs: 1_000 });
  t.after(() => database.close());
  const { sql } = database;
  await sql`create table t (a int)`;
  const read = () => sql`select * from t where ${1}::int = 1`;
  assert.deepEqual(await read(), []);
  await sql`alter table t add column b int default 2`;
  await sql`insert into t values (1)`;
  assert.deepEqual(await read(), [{ a: 1, b: 2 }]);
});
