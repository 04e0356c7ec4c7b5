import { binary, contract, operation } from '@banyan/contract';
import { probeObject } from './probe-schema.ts';

const echoed = probeObject<{ value: unknown }>({ value: {} });
const step = probeObject<{ step: string }>({ step: { type: 'string', fallback: '' } });
const done = probeObject<{ done: boolean }>({ done: { type: 'boolean' } });
const named = probeObject<{ name: string }>({ name: { type: 'string' } });
const thing = probeObject<{ thingId: string }>({ thingId: { type: 'string' } });

/** One operation of every kind that an endpoint must carry. */
export const probe = contract('probe', {
  version: '1.0.0',
  operations: {
    echo: operation('POST /echo', { input: echoed, output: echoed }),
    shape: operation('PUT /shapes/:shapeId', {
      input: probeObject({
        shapeId: { type: 'string' },
        size: { type: 'number', fallback: 7 },
        label: { type: 'string', trim: true, optional: true },
      }),
      output: probeObject({
        shapeId: { type: 'string' },
        size: { type: 'number' },
        label: { type: 'string', optional: true },
      }),
    }),
    find: operation('GET /things/:thingId', {
      input: probeObject({
        thingId: { type: 'string' },
        limit: { type: 'number', maximum: 100, optional: true },
        deep: { type: 'boolean', fallback: false },
        tags: { type: 'array', fallback: [] },
      }),
      output: probeObject({
        thingId: { type: 'string' },
        limit: { type: 'number', optional: true },
        deep: { type: 'boolean' },
        tags: { type: 'array' },
      }),
    }),
    remove: operation('DELETE /things/:thingId', { input: thing, output: probeObject({}), status: 204 }),
    act: operation('POST /acts', {
      input: step,
      output: done,
      errors: {
        tooMuch: { status: 409, data: probeObject<{ limit: number }>({ limit: { type: 'number' } }) },
        closed: { status: 410 },
      },
    }),
    upload: operation('POST /uploads/:name', {
      input: probeObject({ name: { type: 'string' }, fold: { type: 'boolean', fallback: false } }),
      output: probeObject({
        name: { type: 'string' },
        fold: { type: 'boolean' },
        bytes: { type: 'number' },
        sum: { type: 'number' },
      }),
      upload: binary({ types: ['application/octet-stream', 'text/csv'], maxBytes: 5_000_000 }),
    }),
    download: operation('GET /downloads/:name', {
      input: named,
      output: binary({ types: ['application/octet-stream'] }),
      errors: { notThere: { status: 404 } },
    }),
    page: operation('GET /pages/:name', {
      input: probeObject({
        name: { type: 'string' },
        accept: { type: 'string', optional: true },
        ifNoneMatch: { type: 'string', optional: true },
      }),
      headers: { accept: 'accept', ifNoneMatch: 'if-none-match' },
      output: binary({ types: ['application/octet-stream'] }),
    }),
  },
});
