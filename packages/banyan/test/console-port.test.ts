import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createConsoleServer } from '@banyan/console-api';
import { silentLogger } from '@banyan/core';
import { lastFirst } from '@banyan/testing';
import { portOf, takeConsolePort } from '../src/console/console-port.ts';

test('two starts at once have a console each, on the port that each was told first', async (t) => {
  const listeners = await Promise.all([takeConsolePort('preferred'), takeConsolePort('preferred')]);
  const ports = listeners.map(portOf);
  assert.equal(new Set(ports).size, 2);
  for (const [index, listener] of listeners.entries()) {
    assert.ok(listener);
    lastFirst(t).after(async () => void listener.close());
    const port = ports[index];
    await assert.rejects(fetch(`http://127.0.0.1:${port}/api/system`));
    const server = createConsoleServer({
      ...{ host: '127.0.0.1', port: 0, listener, access: { kind: 'loopback' }, version: '0.0.0' },
      ...{ telemetry: {}, operations: {}, logger: silentLogger },
    });
    lastFirst(t).after(() => server.stop());
    assert.equal(await server.start(), `http://127.0.0.1:${port}`);
    assert.equal((await fetch(`http://127.0.0.1:${port}/api/openapi.json`)).status, 200);
    await server.stop();
    await assert.rejects(fetch(`http://127.0.0.1:${port}/api/openapi.json`));
  }
});

test('a port that somebody named and another program has is refused, not exchanged', async (t) => {
  const taken = await takeConsolePort(0);
  lastFirst(t).after(async () => void taken?.close());
  await assert.rejects(takeConsolePort(portOf(taken)), { reason: 'port_taken' });
  assert.equal(await takeConsolePort(undefined), undefined);
});
