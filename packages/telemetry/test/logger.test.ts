import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Clock, ServiceError } from '@banyan/core';
import {
  createLogger,
  harmlessNames,
  isSecretName,
  type LoggerOptions,
  secretWords,
} from '@banyan/telemetry';
import fc from 'fast-check';

const clock: Clock = { nowMs: () => Date.UTC(2026, 0, 2, 3, 4, 5, 6), setTimer: () => () => {} };

function recorder(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const logger = createLogger({ sink: (line) => lines.push(line), level: 'debug', clock, ...options });
  return { logger, lines, last: () => JSON.parse(lines.at(-1) ?? 'null') };
}

test('a line is one JSON object: time, level, message, service, trace id, then the fields', () => {
  const { logger, lines } = recorder({ fields: { version: '1.0.0', service: 'orders' } });
  logger.with({ traceId: 'abc' }).info('order placed', { orderId: 'o1', quantity: 2 });
  assert.deepEqual(lines, [
    '{"time":"2026-01-02T03:04:05.006Z","level":"info","message":"order placed","service":"orders","traceId":"abc","version":"1.0.0","orderId":"o1","quantity":2}',
  ]);
});

test('a line is the same whether it is only written or also heard, whatever its fields', () => {
  const field = fc.oneof(
    fc.string({ maxLength: 300 }),
    fc.double(),
    fc.boolean(),
    fc.anything(),
    fc.constantFrom('Bearer abcdefgh', 'password=p', 'eyJhbGciOi.eyJzdWIi.x', undefined),
  );
  const name = fc.oneof(
    fc.constantFrom('service', 'traceId', 'time', 'level', 'message', 'a', 'b', '7', 'token', '__proto__'),
    fc.string({ maxLength: 250 }),
  );
  const fields = fc.array(fc.tuple(name, field), { maxLength: 6 }).map((pairs) => Object.fromEntries(pairs));
  fc.assert(
    fc.property(fields, fields, fields, fc.string(), (of, within, own, message) => {
      const written = recorder({ fields: of });
      const heard = recorder({ fields: of, onLine: () => {} });
      for (const { logger } of [written, heard]) logger.with(within).info(message, own);
      assert.deepEqual(written.lines, heard.lines);
    }),
    { numRuns: 2_000, examples: [[{}, {}, { token: undefined }, '']] },
  );
});

test('levels below the chosen one are not written', () => {
  for (const [level, expected] of [
    ['debug', 'debug,info,warn,error'],
    ['info', 'info,warn,error'],
    ['warn', 'warn,error'],
    ['error', 'error'],
  ] as const) {
    const { logger, lines } = recorder({ level });
    for (const method of ['debug', 'info', 'warn', 'error'] as const) logger[method]('x');
    assert.equal(lines.map((line) => JSON.parse(line).level).join(), expected);
  }
});

test('fields of a line win over those of `with`, and inner ones over outer ones', () => {
  const { logger, last } = recorder({ fields: { a: 1, b: 1, c: 1 } });
  logger.with({ b: 2, c: 2 }).info('x', { c: 3 });
  assert.deepEqual([last().a, last().b, last().c], [1, 2, 3]);
});

test('fields cannot replace time, level or message', () => {
  const { logger, last } = recorder();
  logger.info('true', { message: 'false', level: 'debug', time: 'never' });
  assert.equal(last().message, 'true');
  assert.equal(last().level, 'info');
  assert.equal(last()['fields.message'], 'false');
});

test('an error is written with stack, own fields and its chain of causes', () => {
  const { logger, last } = recorder();
  const cause = new RangeError('disk', { cause: new Error('sector 7') });
  const error = new ServiceError('no answer', { code: 'unavailable', reason: 'host_down', cause });
  logger.error('failed', { error });
  const written = last().error;
  assert.equal(written.name, 'ServiceError');
  assert.equal(written.reason, 'host_down');
  assert.match(written.stack, /no answer\n\s+at /);
  assert.equal(written.cause.name, 'RangeError');
  assert.equal(written.cause.cause.message, 'sector 7');
});

test('an error in place of the fields, and the parts of an AggregateError, are written too', () => {
  const { logger, last } = recorder();
  logger.error('failed', new AggregateError([new Error('one'), new Error('two')], 'both') as never);
  assert.equal(last().error.message, 'both');
  assert.deepEqual(
    last().error.errors.map((error: Error) => error.message),
    ['one', 'two'],
  );
});

const secretExamples =
  `password userPassword db_password PASSWORD passwords passwd pwd passphrase token accessToken refresh-token tokens
  authorization Authorization proxy-authorization cookie set-cookie Cookie secret clientSecret SECRET_VALUE key apiKey x-api-key apikey APIKEY
  privateKey signingKey credentials jwt otp cvv cvc keys`.split(/\s+/);

for (const name of secretExamples) {
  test(`the value of '${name}' is redacted at the top, nested, in lists and in maps`, () => {
    const { logger, lines } = recorder();
    const holder = { [name]: 'hunter2' };
    logger.with(holder).info('x', {
      ...holder,
      nested: { list: [holder, { deep: holder }] },
      map: new Map([[name, 'hunter2']]),
      objectValue: { [name]: { inner: ['hunter2'] } },
      error: Object.assign(new Error('e'), holder),
    });
    const line = lines.join();
    assert.ok(!line.includes('hunter2'), line);
    assert.ok(line.includes('[redacted]'));
  });
}

test('names that only contain the letters of a secret word stay readable', () => {
  for (const name of ['monkey', 'keyboard', 'tokenizer', 'secretary', 'passage', 'cook', ...harmlessNames]) {
    assert.equal(isSecretName(name), false, name);
  }
  for (const word of secretWords) assert.equal(isSecretName(word), true, word);
});

for (const [text, expected] of [
  ['no server at nats://aToken@host:4222', 'no server at nats://[redacted]@host:4222'],
  ['no server at postgres://app:p@ss@host/db', 'no server at postgres://app:[redacted]@host/db'],
  ['https://host/in?user=a&password=hunter2&page=2', 'https://host/in?user=a&password=[redacted]&page=2'],
  ['cause: token=hunter2', 'cause: token=[redacted]'],
  ['{"url":"https://host","mail":"a@host"}', '{"url":"https://host","mail":"a@host"}'],
] as const) {
  test(`secrets inside texts are redacted: ${text}`, () => {
    const { logger, last } = recorder();
    logger.info(text);
    assert.equal(last().message, expected);
  });
}

test('passwords inside URL objects are redacted', () => {
  const { logger, lines } = recorder();
  logger.info('x', { target: new URL('postgres://user:hunter2@db:5432/orders') });
  assert.ok(!lines.join().includes('hunter2'));
  assert.match(lines.join(), /db:5432/);
});

test('values that are no JSON are named, not fatal', () => {
  const { logger, last } = recorder();
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  const shared = { ok: true };
  logger.info('x', {
    circular,
    twice: [shared, shared],
    big: 12345678901234567890n,
    infinite: Number.POSITIVE_INFINITY,
    date: new Date(0),
    noDate: new Date(Number.NaN),
    bytes: new Uint8Array(5),
    set: new Set([1]),
    symbol: Symbol('s'),
    run: () => {},
    nothing: undefined,
    get thrower() {
      throw new Error('getter');
    },
    json: { toJSON: () => ({ password: 'hunter2', fine: 1 }) },
  });
  const { time: _, level: __, message: ___, ...fields } = last();
  assert.deepEqual(fields, {
    circular: { self: '[circular]' },
    twice: [{ ok: true }, { ok: true }],
    big: '12345678901234567890',
    infinite: 'Infinity',
    date: '1970-01-01T00:00:00.000Z',
    noDate: '[invalid date]',
    bytes: '[5 bytes]',
    set: [1],
    symbol: 'Symbol(s)',
    run: '[function]',
    thrower: '[unreadable]',
    json: { password: '[redacted]', fine: 1 },
  });
});

test('size and depth of a line are bounded', () => {
  const { logger, lines } = recorder();
  let deep: unknown = 'bottom';
  for (let index = 0; index < 100_000; index += 1) deep = { deep };
  const wide = Object.fromEntries(
    Array.from({ length: 10_000 }, (_, index) => [`k${index}`, 'v'.repeat(1_000)]),
  );
  const tree = (levels: number): unknown =>
    levels === 0 ? 'leaf' : Array.from({ length: 50 }, () => tree(levels - 1));
  let error = new Error('root');
  for (let index = 0; index < 1_000; index += 1) error = new Error(`e${index}`, { cause: error });
  const endless = { toJSON: () => endless };
  const growing = { toJSON: (): unknown => ({ next: { ...growing } }) };
  for (const value of [
    deep,
    wide,
    tree(3),
    error,
    'x'.repeat(10_000_000),
    endless,
    growing,
    10n ** 100_000n,
  ]) {
    logger.info('x'.repeat(1_000_000), { value, ['k'.repeat(1_000_000)]: 1 });
    assert.ok((lines.at(-1) ?? '').length < 100_000, String((lines.at(-1) ?? '').length));
  }
  assert.equal(lines.length, 8);
});

test('a hostile proxy, a throwing sink and a broken clock do not reach the caller', () => {
  const hostile = new Proxy(
    {},
    {
      get: () => assert.fail('get'),
      ownKeys: () => assert.fail('ownKeys'),
      getPrototypeOf: () => assert.fail('getPrototypeOf'),
    },
  );
  const { logger, lines } = recorder();
  logger.info('x', { hostile });
  logger.info('x', hostile);
  logger.with(hostile).info('x');
  logger.info(hostile as never, null as never);
  assert.equal(lines.length, 4);
  recorder({ sink: () => assert.fail('sink') }).logger.error('x');
  recorder({ clock: { ...clock, nowMs: () => Number.NaN } }).logger.error('x');
});

test('whatever is logged, each line is one line of JSON', () => {
  const { logger, lines } = recorder();
  fc.assert(
    fc.property(
      fc.anything({
        withBigInt: true,
        withDate: true,
        withMap: true,
        withSet: true,
        withTypedArray: true,
        withNullPrototype: true,
        withSparseArray: true,
      }),
      fc.string({ unit: 'binary' }),
      (value, text) => {
        const before = lines.length;
        logger.info(text, { value, [text]: text });
        logger.with(JSON.parse('{"__proto__":1}')).info(text, value as never);
        assert.equal(lines.length, before + 2);
        for (const line of lines.slice(before)) {
          assert.ok(!line.includes('\n'));
          assert.equal(JSON.parse(line).level, 'info');
        }
      },
    ),
  );
});

test('pretty lines show time, level, message, fields and the stacks of causes', () => {
  const { logger, lines } = recorder({ format: 'pretty', fields: { service: 'orders' } });
  logger.info('order placed', { orderId: 'o1', note: 'two words' });
  assert.equal(lines[0], '03:04:05.006 INFO  order placed service=orders orderId=o1 note="two words"');
  logger.error('failed', { error: new Error('outer', { cause: new TypeError('inner') }) });
  assert.match(
    lines[1] ?? '',
    /^03:04:05.006 ERROR failed service=orders\n {2}error: Error: outer\n {6}at .*\n {2}caused by: TypeError: inner/s,
  );
});

test('pretty lines are coloured only if asked, and never pass on control characters', () => {
  const attack = 'a\u001b[2J\u009b1m\n2026 ERROR forged\u202e';
  const plain = recorder({ format: 'pretty' });
  plain.logger.info(attack, { [attack]: attack, list: [attack], error: new Error(attack) });
  const [text = ''] = plain.lines;
  for (const line of text.split('\n')) assert.doesNotMatch(line, /[\p{Cc}\u202e]/u);
  assert.ok(!text.split('\n').some((line) => line.startsWith('2026')));
  const colored = recorder({ format: 'pretty', colors: true });
  colored.logger.warn('x');
  assert.ok(colored.lines[0]?.includes('\u001b[33mWARN \u001b[0m'));
});

test('an unknown level or format or a missing sink is refused at once', () => {
  assert.throws(() => recorder({ level: 'loud' as never }), /debug, info, warn, error/);
  assert.throws(() => recorder({ format: 'xml' as never }), /json, pretty/);
  assert.throws(() => createLogger({} as never), /sink/);
});
