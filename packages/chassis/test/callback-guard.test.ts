import assert from 'node:assert/strict';
import { test } from 'node:test';
// A relative import: the guard is a pure function of its options, and no test may depend on real name servers.
import { createCallbackGuard, type ResolvedAddress } from '../src/callback-guard.ts';

const v4 = (address: string): ResolvedAddress => ({ address, family: 4 });
const v6 = (address: string): ResolvedAddress => ({ address, family: 6 });
const names: Readonly<Record<string, readonly ResolvedAddress[]>> = {
  'hooks.example.com': [v4('93.184.216.34'), v6('2606:2800:220:1::1')],
  'inside.example.com': [v4('10.1.2.3')],
  'mixed.example.com': [v4('93.184.216.34'), v4('127.0.0.1')],
  'metadata.example.com': [v4('169.254.169.254')],
};

function guard(...allow: string[]) {
  return createCallbackGuard({
    allow,
    resolve: async (host) => names[host] ?? Promise.reject(new Error('ENOTFOUND')),
  });
}
const refused = { code: 'permission_denied', reason: 'callback_refused' };

test('nothing is allowed unless it is named', () => {
  assert.throws(() => guard().check('https://hooks.example.com/x'), refused);
  assert.throws(() => guard('other.example.com').check('https://hooks.example.com/x'), refused);
});

test('a named host is allowed by http and https, its neighbours are not', () => {
  const named = guard('hooks.example.com', '*.partner.org');
  for (const url of [
    'https://hooks.example.com/x',
    'http://HOOKS.example.com./x',
    'https://a.b.partner.org/',
  ])
    named.check(url);
  const others = [
    'https://evil-hooks.example.com/',
    'https://partner.org/',
    'https://hooks.example.com.evil.org/',
  ];
  for (const url of others) assert.throws(() => named.check(url), refused, url);
});

test('everybody is allowed by https only', () => {
  guard('*').check('https://anything.example.org/');
  assert.throws(() => guard('*').check('http://anything.example.org/'), refused);
});

test('other schemes, passwords and things that are no URL are refused', () => {
  for (const url of [
    'ftp://hooks.example.com/',
    'file:///etc/passwd',
    'https://me:pw@hooks.example.com/',
    'hooks',
  ])
    assert.throws(() => guard('*', 'hooks.example.com').check(url), refused, url);
});

test('a host that leads to a public address is resolved once and pinned to it', async () => {
  const { target, address } = await guard('hooks.example.com').resolve('https://hooks.example.com/x?y=1');
  assert.equal(target.href, 'https://hooks.example.com/x?y=1');
  assert.deepEqual(address, v4('93.184.216.34'));
});

test('a host that leads inside is refused, also if only one of its addresses does', async () => {
  for (const host of ['inside', 'mixed', 'metadata'])
    await assert.rejects(guard('*.example.com').resolve(`https://${host}.example.com/`), refused, host);
});

test('addresses that are not public are refused however they are written', async () => {
  const urls = [
    'https://127.0.0.1/',
    'https://127.1/',
    'https://2130706433/',
    'https://0x7f.0.0.1/',
    'https://0.0.0.0/',
    'https://10.0.0.1/',
    'https://172.20.0.1/',
    'https://192.168.1.1/',
    'https://169.254.169.254/latest/meta-data',
    'https://100.64.0.1/',
    'https://224.0.0.1/',
    'https://255.255.255.255/',
    'https://[::1]/',
    'https://[::]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:7f00:1]/',
    'https://[64:ff9b::7f00:1]/',
    'https://[2002:7f00:1::]/',
    'https://[fe80::1]/',
    'https://[fc00::1]/',
    'https://[ff02::1]/',
  ];
  for (const url of urls) await assert.rejects(guard('*').resolve(url), refused, url);
});

test('an address can be allowed by itself, as a block, and for one port', async () => {
  const { address } = await guard('127.0.0.1:8080').resolve('http://127.0.0.1:8080/x');
  assert.deepEqual(address, v4('127.0.0.1'));
  assert.throws(() => guard('127.0.0.1:8080').check('http://127.0.0.1:9090/x'), refused);
  await guard('10.0.0.0/8', 'inside.example.com').resolve('https://inside.example.com/');
  await guard('::1').resolve('http://[::1]:8080/');
  await guard('[::1]:8080').resolve('http://[::1]:8080/');
  assert.throws(() => guard('[::1]:8080').check('http://[::1]:9090/'), refused);
  await assert.rejects(
    guard('10.2.0.0/16', 'inside.example.com').resolve('https://inside.example.com/'),
    refused,
  );
});

test('a name without an address may have one later', async () => {
  await assert.rejects(guard('gone.example.com').resolve('https://gone.example.com/'), {
    code: 'unavailable',
    reason: 'callback_failed',
  });
});

test('an entry that names nothing is refused when it is read', () => {
  for (const entry of ['https://hooks.example.com/', 'a b', '10.0.0.0/33', ''])
    assert.throws(() => guard(entry), { name: 'TypeError', message: /names no callback target/ }, entry);
});
