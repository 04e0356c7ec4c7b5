import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect as connectTcp } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type ConnectionOptions, connect } from 'node:tls';
import {
  createAuthority,
  createServiceCertificates,
  createServiceTokens,
  generateSystemKey,
  type ServiceCertificates,
} from '@banyan/auth';
import { createManualClock } from '@banyan/core/testing';
import { createFaultProxy } from './fixtures/fault-proxy.ts';
import { MovableWatch, Rig } from './fixtures/rig.ts';

const dayMs = 86_400_000;
const system = 'rigs';

function certificatesOf(key: string, service: string): ServiceCertificates {
  return createServiceCertificates({ key, system, service });
}

/** `jobs` behind mutual TLS; it answers with what the caller wrote. */
async function serveJobs(t: TestContext) {
  const rig = new Rig(t);
  const certificates = certificatesOf(rig.key, 'jobs');
  const served = await rig.serve(async () => ({ ran: 'a secret result' }), { certificates });
  return { rig, ...served };
}

/** How the server takes a client: its first bytes, or the error that ends the connection. */
async function shakeHands(url: string, options: ConnectionOptions): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false, ...options });
  // With TLS 1.3 a client hears of the refusal of its certificate only after its own handshake.
  socket.write('GET /health/live HTTP/1.1\r\nhost: jobs\r\nconnection: close\r\n\r\n');
  let received = '';
  socket.on('data', (chunk) => (received += chunk));
  return new Promise((resolve) => {
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.on('close', () => resolve(received.split('\r\n', 1)[0] ?? ''));
  });
}

test('without a certificate of the system, or with a wrong one, the handshake fails', async (t) => {
  const { rig, url } = await serveJobs(t);
  const own = (key: string, ofSystem: string) => {
    const issued = createAuthority({ key, system: ofSystem }).issue('tester', { lifetimeMs: dayMs });
    return { cert: issued.certificate, key: issued.privateKey };
  };
  const past = createManualClock(Date.now() - 2 * dayMs);
  const expired = createAuthority({ key: rig.key, system, clock: past }).issue('tester', {
    lifetimeMs: dayMs,
  });

  assert.equal(await shakeHands(url, own(rig.key, system)), 'HTTP/1.1 200 OK');
  const refused: Readonly<Record<string, ConnectionOptions>> = {
    'no certificate': {},
    'an authority of the same name with another key': own(generateSystemKey(), system),
    'another system with the same key': own(rig.key, 'another'),
    'a certificate that has expired': { cert: expired.certificate, key: expired.privateKey },
    'an older TLS': { ...own(rig.key, system), maxVersion: 'TLSv1.2' },
  };
  for (const [what, options] of Object.entries(refused)) {
    // The end of the connection, with or without the reason: Node.js gives one for some of them only.
    assert.match(await shakeHands(url, options), /^$|^ERR_SSL_|^(ECONNRESET|EPROTO)$/, what);
  }
});

test('plain HTTP gets no answer at all', async (t) => {
  const { url } = await serveJobs(t);
  const plain = request(url.replace('https:', 'http:'));
  plain.end();
  const [error] = await once(plain, 'error');
  assert.equal(error.code, 'ECONNRESET');
});

test('a caller does not talk to a service that is not the one it means', async (t) => {
  const { rig } = await serveJobs(t);
  // Another service of the system at the address where `jobs` was: `jobs` took its port over, or the registry is wrong.
  const other = await rig.serve(async () => ({ ran: 'by somebody else' }), {
    certificates: certificatesOf(rig.key, 'payments'),
  });
  for (const lane of [true, false]) {
    const caller = rig.connect(new MovableWatch(other.url), {
      lane,
      certificates: certificatesOf(rig.key, 'tester'),
    });
    await assert.rejects(caller.run(400), (error: { reason?: string; cause?: Error }) => {
      assert.match(`${error.reason}`, /^(connection_refused|deadline_passed)$/);
      return true;
    });
  }
});

test('a caller with certificates does not fall back to plain HTTP, nor one without to TLS', async (t) => {
  const { rig, url } = await serveJobs(t);
  const plain = await rig.serve(async () => ({ ran: 'in the open' }));
  const secured = rig.connect(new MovableWatch(plain.url), {
    certificates: certificatesOf(rig.key, 'tester'),
  });
  await assert.rejects(secured.run(200), { reason: 'no_instance' });
  await assert.rejects(rig.connect(new MovableWatch(url)).run(200), { reason: 'no_instance' });
});

test('a stolen service token is of no use to another service', async (t) => {
  const { rig, url } = await serveJobs(t);
  const tokens = createServiceTokens({ key: rig.key, service: 'tester' });
  for (const lane of [true, false]) {
    const honest = rig.connect(new MovableWatch(url), {
      lane,
      certificates: certificatesOf(rig.key, 'tester'),
    });
    assert.deepEqual(await honest.run(), { ran: 'a secret result' });
    const thief = rig.connect(new MovableWatch(url), {
      lane,
      tokens,
      certificates: certificatesOf(rig.key, 'thief'),
    });
    await assert.rejects(thief.run(), { code: 'unauthenticated', reason: 'wrong_certificate', status: 401 });
  }
});

test('a capture between services shows no plain text; without TLS it would', async (t) => {
  const { rig, url } = await serveJobs(t);
  const plain = await rig.serve(async () => ({ ran: 'a secret result' }));
  const capture = async (target: string, isSecured: boolean, lane: boolean) => {
    const proxy = await createFaultProxy(target);
    t.after(() => proxy.close());
    const caller = rig.connect(new MovableWatch(proxy.url), {
      lane,
      ...(isSecured ? { certificates: certificatesOf(rig.key, 'tester') } : undefined),
    });
    await caller.run();
    return proxy.captured.toString('latin1');
  };
  const words = /a secret result|Bearer|banyan-lane|jobs|tester/;
  for (const lane of [true, false]) {
    assert.match(await capture(plain.url, false, lane), words);
    const captured = await capture(url, true, lane);
    assert.ok(captured.length > 1_000, `only ${captured.length} bytes were captured`);
    assert.doesNotMatch(captured, words);
  }
});

test('certificates are replaced under load: no call fails, and new connections show the new ones', async (t) => {
  const rig = new Rig(t);
  // TLS goes by the real time: a certificate counts from five minutes before it is made until its end.
  const clock = createManualClock(Date.now() - 30_000);
  const renewing = (service: string) =>
    createServiceCertificates({ key: rig.key, system, service, clock, lifetimeMs: 60_000 });
  const { url } = await rig.serve(async () => ({ ran: 'on' }), { certificates: renewing('jobs') });
  const serialAt = async () => {
    const { hostname, port } = new URL(url);
    const issued = createAuthority({ key: rig.key, system }).issue('tester', { lifetimeMs: dayMs });
    const socket = connect({
      host: hostname,
      port: Number(port),
      rejectUnauthorized: false,
      cert: issued.certificate,
      key: issued.privateKey,
    });
    await once(socket, 'secureConnect');
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  };
  const callers = [true, false].map((lane) =>
    rig.connect(new MovableWatch(url), { lane, certificates: renewing('tester') }),
  );
  const serials = new Set<string>();
  for (let round = 0; round < 8; round += 1) {
    const calls = callers.flatMap((caller) => Array.from({ length: 10 }, () => caller.run()));
    clock.advance(40_000);
    const fresh = rig.connect(new MovableWatch(url), {
      lane: round % 2 === 0,
      certificates: renewing('tester'),
    });
    await Promise.all([...calls, fresh.run()]);
    serials.add(await serialAt());
  }
  assert.equal(serials.size, 8);
});

test('a client that opens a connection and says nothing does not keep the server from stopping', async (t) => {
  const { url, server } = await serveJobs(t);
  const { hostname, port } = new URL(url);
  const silent = connectTcp(Number(port), hostname);
  await once(silent, 'connect');
  await server.stop({ timeoutMs: 300 });
  silent.destroy();
});
