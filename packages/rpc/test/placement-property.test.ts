import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contract, type Operation, operation } from '@banyan/contract';
import { isServiceError, ServiceError, type User } from '@banyan/core';
import { createCallContext, deriveCallContext, type OperationHandle } from '@banyan/rpc';
import fc from 'fast-check';
import { z } from 'zod';
import { open, type Placement } from './fixtures/placements.ts';

const seed = process.env['BANYAN_SEED'] === undefined ? Date.now() : Number(process.env['BANYAN_SEED']);
const others: readonly Placement[] = ['http', 'lane', 'local without copies'];

/** A field with its schema and values that fit and that do not. */
interface Field {
  readonly schema: z.ZodType;
  readonly values: fc.Arbitrary<unknown>;
}

const text = fc.string({ unit: 'binary', maxLength: 20 }).filter((value) => value.isWellFormed());
const fields: readonly Field[] = [
  { schema: z.string(), values: text },
  { schema: z.string().max(5), values: text },
  { schema: z.number(), values: fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true })) },
  { schema: z.number().int().min(0).default(3), values: fc.oneof(fc.integer(), fc.constant(undefined)) },
  { schema: z.boolean().optional(), values: fc.oneof(fc.boolean(), fc.constant(undefined), text) },
  { schema: z.enum(['red', 'green']), values: fc.constantFrom('red', 'green', 'blue') },
  {
    schema: z.array(z.string()).default([]),
    values: fc.oneof(fc.array(text, { maxLength: 4 }), fc.constant(undefined)),
  },
];
const bodyFields: readonly Field[] = [
  ...fields,
  { schema: z.unknown(), values: fc.jsonValue() },
  { schema: z.record(z.string(), z.number()), values: fc.dictionary(text, fc.integer(), { maxKeys: 4 }) },
  {
    schema: z.object({ inner: z.string().nullable() }),
    values: fc.record({ inner: fc.oneof(text, fc.constant(null)) }),
  },
];

const generated = fc
  .record({
    method: fc.constantFrom('GET', 'DELETE', 'POST', 'PUT', 'PATCH'),
    inPath: fc.boolean(),
    picks: fc.array(fc.nat(), { maxLength: 4 }),
  })
  .chain(({ method, inPath, picks }) => {
    const pool = method === 'GET' || method === 'DELETE' ? fields : bodyFields;
    const chosen = picks.map((pick) => pool[pick % pool.length] ?? assert.fail());
    const shape = Object.fromEntries(chosen.map(({ schema }, index) => [`f${index}`, schema]));
    const values = Object.fromEntries(chosen.map((field, index) => [`f${index}`, field.values]));
    const path = inPath ? '/things/:thing' : '/things';
    const schema = z.object(inPath ? { ...shape, thing: z.string() } : shape);
    const output = z.object({ input: schema, user: z.string().optional(), key: z.string().optional() });
    const made = operation(`${method} ${path}` as 'GET /x', {
      input: schema,
      output: z.object({ input: z.record(z.string(), z.unknown()), user: z.string(), key: z.string() }),
      errors: { no: { status: 422, data: output.partial() } },
    });
    return fc.record({
      operation: fc.constant(made as unknown as Operation),
      inputs: fc.array(
        fc.record(inPath ? { ...values, thing: fc.oneof(text, fc.constant(undefined)) } : values),
        {
          minLength: 1,
          maxLength: 4,
        },
      ),
      user: fc.option(
        fc.record({ id: text.filter((id) => id !== ''), scopes: fc.constantFrom([], ['a:b', 'c']) }),
        { nil: undefined },
      ),
      key: fc.option(fc.stringMatching(/^[!-~]{1,40}$/), { nil: undefined }),
    });
  });

/** Answers with what arrived; refuses every input whose text has an even length. */
const handle: OperationHandle = async (_, input, context) => {
  const { caller, idempotencyKey } = context;
  if (JSON.stringify(input).length % 2 === 0) {
    const details = { input };
    throw new ServiceError('No.', {
      code: 'failed_precondition',
      reason: 'no',
      status: 422,
      declared: true,
      details,
    });
  }
  return { input, user: JSON.stringify(caller), key: String(idempotencyKey) };
};

type Outcome = { readonly output: unknown } | { readonly error: unknown };

async function outcomesOf(
  placement: Placement,
  made: Operation,
  calls: { inputs: readonly unknown[]; user: User | undefined; key: string | undefined },
) {
  const service = contract('things', { version: '1.0.0', operations: { op: made } });
  const harness = await open(placement, service, handle);
  try {
    const endpoint = harness.endpoint('tester');
    const { user } = calls;
    const root = createCallContext({
      caller: user === undefined ? { service: 'root' } : { service: 'root', user },
    });
    return await Promise.all(
      calls.inputs.map(async (input): Promise<Outcome> => {
        const context = deriveCallContext(root, {
          service: 'tester',
          timeoutMs: 10_000,
          idempotencyKey: calls.key,
        });
        try {
          return { output: await endpoint.call('op', input, context) };
        } catch (error) {
          assert.ok(isServiceError(error), String(error));
          const { code, reason, declared, status, message } = error;
          // A field that cannot go into a URL is refused before it travels, in other words.
          if (reason === 'invalid_input') return { error: { code, reason, status } };
          return { error: { code, reason, declared, status, message, details: error.details } };
        }
      }),
    );
  } finally {
    await harness.close();
  }
}

test(`generated operations give equal results in every placement (BANYAN_SEED=${seed})`, async () => {
  await fc.assert(
    fc.asyncProperty(generated, async ({ operation: made, ...calls }) => {
      const wanted = await outcomesOf('local', made, calls);
      for (const placement of others) {
        assert.deepEqual(
          JSON.parse(JSON.stringify(await outcomesOf(placement, made, calls))),
          JSON.parse(JSON.stringify(wanted)),
          placement,
        );
      }
    }),
    { seed, numRuns: 150 },
  );
});
