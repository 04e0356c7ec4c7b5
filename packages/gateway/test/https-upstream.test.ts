import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import * as tls from 'node:tls';
import { forward } from '@banyan/gateway';
import { temporaryFolder } from '@banyan/testing';
import { runShop } from './support/running-shop.ts';

/** Newer than the oldest Node that is supported; a process is told by `NODE_EXTRA_CA_CERTS`, which a test cannot set for itself. */
const { setDefaultCACertificates, getCACertificates } = tls as {
  readonly setDefaultCACertificates?: (certificates: readonly string[]) => void;
  readonly getCACertificates?: () => string[];
};

function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const skip =
  setDefaultCACertificates === undefined
    ? 'needs Node 22.19 or 24.5, which can trust an authority at run time'
    : !hasOpenssl() && 'needs openssl';

interface Authority {
  readonly certificate: string;
  /** @param days that it is valid from now on; below 0, it has expired */
  issue(names: string, days: number): Promise<{ readonly cert: string; readonly key: string }>;
}

async function makeAuthority(t: TestContext): Promise<Authority> {
  const folder = await temporaryFolder(t, 'upstream-tls');
  const file = (name: string) => join(folder, name);
  const openssl = (...words: string[]) => execFileSync('openssl', words, { stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-days',
    '30',
    '-subj',
    '/CN=test authority',
    '-keyout',
    file('ca.key'),
    '-out',
    file('ca.crt'),
  );
  let count = 0;
  return {
    certificate: await readFile(file('ca.crt'), 'utf8'),
    async issue(names, days) {
      count += 1;
      const [key, request, cert, extensions] = ['key', 'csr', 'crt', 'ext'].map((end) =>
        file(`${count}.${end}`),
      ) as [string, string, string, string];
      await writeFile(extensions, `subjectAltName=${names}\n`);
      openssl('req', ...newKey, '-subj', '/CN=upstream', '-keyout', key, '-out', request);
      openssl(
        'x509',
        '-req',
        '-in',
        request,
        '-CA',
        file('ca.crt'),
        '-CAkey',
        file('ca.key'),
        '-CAcreateserial',
        '-days',
        String(days),
        '-extfile',
        extensions,
        '-out',
        cert,
      );
      return { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') };
    },
  };
}

test('an upstream by https is who it says, by an authority that is trusted, and today; any other gets nothing of the request', {
  skip,
}, async (t) => {
  const [trusted, stranger] = [await makeAuthority(t), await makeAuthority(t)];
  const before = getCACertificates?.() ?? [];
  setDefaultCACertificates?.([...before, trusted.certificate]);
  t.after(() => setDefaultCACertificates?.(before));
  const cases = {
    'the right name': [trusted, 'DNS:localhost', 30, undefined],
    'the right address': [trusted, 'IP:127.0.0.1', 30, undefined],
    'another name': [trusted, 'DNS:elsewhere.example', 30, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    'a name that begins alike': [trusted, 'DNS:localhost.example', 30, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    'another address': [trusted, 'IP:127.0.0.2', 30, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    'an expired certificate': [trusted, 'DNS:localhost,IP:127.0.0.1', -1, 'CERT_HAS_EXPIRED'],
    'an authority that nobody trusts': [
      stranger,
      'DNS:localhost,IP:127.0.0.1',
      30,
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    ],
  } as const;
  for (const [what, [authority, names, days, refusal]] of Object.entries(cases)) {
    let asked = 0;
    const server = createServer(await authority.issue(names, days), (request, response) => {
      asked += 1;
      request.resume();
      response.end('secure');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const host = names.includes('DNS') ? 'localhost' : '127.0.0.1';
    const to = `https://${host}:${(server.address() as AddressInfo).port}`;
    const shop = await runShop(t, { gateway: { forward: [forward('/old', { to, access: 'anyone' })] } });
    const answer = await fetch(`${shop.url}/old`);
    const text = await answer.text();
    assert.equal(answer.status, refusal === undefined ? 200 : 502, `${what}: ${text}`);
    assert.equal(asked, refusal === undefined ? 1 : 0, what);
    const { error } = shop.log.find(({ message }) => message === 'upstream failed')?.fields ?? {};
    assert.equal((error as { readonly code?: string } | undefined)?.code, refusal, what);
    // The client learns nothing of why.
    if (refusal !== undefined) assert.match(text, /"reason":"upstream_unreachable"/, what);
    server.closeAllConnections();
  }
});
