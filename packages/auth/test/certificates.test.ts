import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  createAuthority,
  createServiceCertificates,
  generateSystemKey,
  readServiceCertificates,
} from '@banyan/auth';
import { silentLogger } from '@banyan/core';
import { createManualClock } from '@banyan/core/testing';

const dayMs = 86_400_000;
const key = generateSystemKey();

test('a certificate says which service it is for, in the form that OpenSSL and SPIFFE want', () => {
  const clock = createManualClock(Date.UTC(2026, 0, 2, 3, 4, 5));
  const { certificate, authorities, privateKey } = createAuthority({ key, system: 'shop', clock }).issue(
    'orders',
    {
      lifetimeMs: dayMs,
    },
  );
  const leaf = new X509Certificate(certificate);
  const root = new X509Certificate(authorities);
  assert.equal(leaf.subject, 'CN=orders');
  assert.equal(leaf.subjectAltName, 'URI:spiffe://shop/service/orders');
  assert.equal(leaf.issuer, 'CN=Banyan authority of shop');
  assert.deepEqual(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
  assert.equal(new Date(leaf.validFrom).toISOString(), '2026-01-02T02:59:05.000Z');
  assert.equal(new Date(leaf.validTo).toISOString(), '2026-01-03T03:04:05.000Z');
  assert.equal(leaf.ca, false);
  assert.equal(root.ca, true);
  assert.ok(leaf.checkIssued(root));
  assert.ok(leaf.verify(root.publicKey));
  assert.match(privateKey, /^-----BEGIN PRIVATE KEY-----/);
});

test('every process with the key of a system is the same authority; other keys and systems are others', () => {
  const certificateOf = (systemKey: string, system: string) =>
    new X509Certificate(
      createAuthority({ key: systemKey, system }).issue('orders', { lifetimeMs: dayMs }).certificate,
    );
  const rootOf = (systemKey: string, system: string) =>
    new X509Certificate(createAuthority({ key: systemKey, system }).certificate).publicKey;
  assert.ok(certificateOf(key, 'shop').verify(rootOf(key, 'shop')));
  assert.equal(certificateOf(key, 'shop').verify(rootOf(key, 'bank')), false);
  assert.equal(certificateOf(key, 'shop').verify(rootOf(generateSystemKey(), 'shop')), false);
  assert.notEqual(certificateOf(key, 'shop').serialNumber, certificateOf(key, 'shop').serialNumber);
});

test('a certificate is renewed when a third of its life is left, and not after the end', () => {
  const clock = createManualClock(Date.UTC(2026, 0, 1));
  const certificates = createServiceCertificates({
    key,
    system: 'shop',
    service: 'orders',
    clock,
    lifetimeMs: dayMs,
  });
  const serials: string[] = [];
  const note = () => serials.push(new X509Certificate(certificates.current().certificate).serialNumber);
  note();
  certificates.onRenewal(note);
  clock.advance((dayMs * 2) / 3 - 1);
  assert.equal(serials.length, 1);
  clock.advance(1);
  assert.equal(serials.length, 2);
  clock.advance((dayMs * 2) / 3);
  assert.equal(new Set(serials).size, 3);
  certificates.close();
  clock.advance(7 * dayMs);
  assert.equal(serials.length, 3);
});

test('only one name of this system counts as a service', () => {
  const certificates = createServiceCertificates({ key, system: 'Shop', service: 'orders' });
  const serviceOf = (names: string | undefined) => certificates.serviceOf(names);
  assert.equal(serviceOf('URI:spiffe://shop/service/payments'), 'payments');
  assert.equal(serviceOf('DNS:payments.example, URI:spiffe://shop/service/payments'), 'payments');
  for (const names of [
    undefined,
    '',
    'DNS:payments',
    'URI:spiffe://bank/service/payments',
    'URI:spiffe://shop/service/',
    'URI:spiffe://shop/service/payments/more',
    'URI:spiffe://shop/service/orders, URI:spiffe://shop/service/payments',
    'URI:"spiffe://shop/service/payments, DNS:x"',
  ]) {
    assert.equal(serviceOf(names), undefined, String(names));
  }
  certificates.close();
});

test('certificates from files are used when they are replaced, and only if they fit', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-tls-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const authority = createAuthority({ key, system: 'shop' });
  const write = async (service: string, omit?: string) => {
    const credentials = authority.issue(service, { lifetimeMs: dayMs });
    const files = {
      'tls.crt': credentials.certificate,
      'tls.key': credentials.privateKey,
      'ca.crt': credentials.authorities,
    };
    for (const [name, text] of Object.entries(files)) {
      if (name !== omit) await writeFile(join(folder, name), text);
    }
  };
  const read = (clock = createManualClock(0)) =>
    readServiceCertificates({ folder, system: 'shop', service: 'orders', logger: silentLogger, clock });
  const unusable = (message: RegExp) => ({ reason: 'certificates_unusable', message });
  assert.throws(() => read(), unusable(/tls\.crt cannot be read/));
  await write('payments');
  assert.throws(() => read(), unusable(/not for 'orders'.*spiffe:\/\/shop\/service\/orders/));
  await write('orders');
  await write('orders', 'tls.key');
  assert.throws(() => read(), unusable(/no certificate and its key/));

  await write('orders');
  const clock = createManualClock(0);
  const certificates = read(clock);
  t.after(() => certificates.close());
  let renewals = 0;
  certificates.onRenewal(() => (renewals += 1));
  const first = certificates.current();
  clock.advance(10_000);
  assert.equal(renewals, 0);
  await write('orders', 'tls.key');
  clock.advance(10_000);
  assert.equal(certificates.current(), first, 'half of a replacement is not used');
  await write('orders');
  clock.advance(10_000);
  assert.equal(renewals, 1);
  assert.notEqual(certificates.current().certificate, first.certificate);
});

test('keys that are too short and lifetimes that are none are refused', () => {
  assert.throws(() => createAuthority({ key: 'c2hvcnQ', system: 'shop' }), TypeError);
  for (const lifetimeMs of [0, -1, 900, 3_600, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(
      () => createServiceCertificates({ key, system: 'shop', service: 'orders', lifetimeMs }),
      TypeError,
    );
  }
});
