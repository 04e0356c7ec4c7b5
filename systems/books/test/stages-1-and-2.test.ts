import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { noChromium, startPageBrowser } from '@banyan/test-support/page-browser';
import { createTestDatabase, startTestSystem, type TestSystem } from '@banyan/testing';
import { addReader } from '../auth/readers.ts';
import { books } from '../books/contract.ts';
import stage1 from '../stage-1/system.ts';
import stage2 from '../stage-2/system.ts';
import { twoBooks, Visitor } from './fixtures/visitor.ts';

let system: TestSystem;
before(async () => {
  const placement = [['gateway'], ['auth'], ['books']];
  system = await startTestSystem({ after: () => {} }, stage2, { placement });
  await new Visitor(system.publicUrl).register('foo', 'bar');
});
after(() => system.stop());

test('stage 1: two books behind the door, and nothing else', async (t) => {
  const { publicUrl } = await startTestSystem(t, stage1, { placement: [['gateway'], ['books']] });
  const visitor = new Visitor(publicUrl);
  assert.deepEqual((await visitor.get('/books')).json, twoBooks);
  assert.equal((await visitor.get('/me')).status, 404);
});

test('stage 2: who is not signed in is led to the login page', async () => {
  const { status, location } = await new Visitor(system.publicUrl).get('/me');
  assert.deepEqual([status, location], [303, '/login']);
});

test('stage 2: foo signs in with bar and is led on; the page then knows foo', async () => {
  const visitor = new Visitor(system.publicUrl);
  const { status, location, setCookie } = await visitor.logIn();
  assert.deepEqual([status, location], [303, '/me']);
  assert.match(setCookie[0] ?? '', /^__Host-reader=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Lax$/);
  assert.equal((await visitor.get('/me')).text, 'foo');
});

test('stage 2: a wrong password and an unknown name get the same page with "Bad Credentials"', async () => {
  const visitor = new Visitor(system.publicUrl);
  const wrong = await visitor.logIn('foo', 'baz');
  assert.equal(wrong.status, 401);
  assert.match(wrong.text, /<p class="bad" role="alert">Bad Credentials<\/p>/);
  assert.deepEqual(wrong.setCookie, []);
  assert.deepEqual(await visitor.logIn('nobody', 'bar'), wrong);
  assert.deepEqual(await visitor.logIn("foo' or '1'='1", 'bar'), wrong);
});

test('stage 2: the book service does not know who is signed in', async () => {
  const visitor = new Visitor(system.publicUrl);
  await visitor.logIn();
  assert.deepEqual((await visitor.get('/books')).json, twoBooks);
  await assert.rejects(system.client(books).me({}), { code: 'unauthenticated' });
});

test('signing out ends the session: its cookie is worth nothing any more', async () => {
  const visitor = new Visitor(system.publicUrl);
  await visitor.logIn();
  const thief = visitor.at(system.publicUrl);
  const { status, location } = await visitor.post('/logout');
  assert.deepEqual([status, location], [303, '/login']);
  assert.equal(visitor.cookies.size, 0);
  assert.equal((await thief.get('/me')).location, '/login');
});

test('no page of another site signs anybody in or out', async () => {
  const visitor = new Visitor(system.publicUrl);
  const form = { name: 'foo', password: 'bar' };
  for (const site of ['cross-site', 'same-site', 'none'])
    assert.equal((await visitor.post('/login', form, { 'sec-fetch-site': site })).status, 403);
  await visitor.logIn();
  assert.equal((await visitor.post('/logout', {}, { 'sec-fetch-site': 'cross-site' })).status, 403);
  assert.equal((await visitor.get('/me')).text, 'foo');
});

test('health and unknown paths do not look like a login page', async () => {
  const visitor = new Visitor(system.publicUrl);
  const health = await visitor.get('/health/ready');
  assert.deepEqual([health.status, health.location], [200, null]);
  for (const path of ['/whoami', '/pages/me', '/readers/foo']) {
    const { status, location } = await visitor.get(path);
    assert.deepEqual([status, location], [404, null], path);
  }
});

test('passwords are stored as Argon2id hashes, each with a salt of its own', async (t) => {
  const { database } = await createTestDatabase(t);
  await database.sql`create table reader (name text primary key, role text default 'reader', password_hash text)`;
  assert.equal(await addReader(database.sql, 'foo', 'bar'), true);
  assert.equal(await addReader(database.sql, 'qux', 'bar'), true);
  assert.equal(await addReader(database.sql, 'foo', 'other'), false);
  const rows = await database.sql<{ passwordHash: string }>`select password_hash from reader`;
  for (const { passwordHash } of rows) assert.match(passwordHash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  assert.equal(new Set(rows.map(({ passwordHash }) => passwordHash)).size, 2);
});

test('the login page works in a browser, and axe finds no fault with it', { skip: noChromium }, async (t) => {
  const browser = await startPageBrowser(t, new URL(system.publicUrl ?? '').origin);
  const page = await browser.open(t, '/me');
  await browser.expectNothingFromAxe(page, 'login');
  await page.getByLabel('Name').fill('foo');
  await page.getByLabel('Password').fill('wrong');
  await page.getByRole('button').click();
  await page.getByRole('alert').waitFor();
  await browser.expectNothingFromAxe(page, 'login, refused');
  await page.getByLabel('Name').fill('foo');
  await page.getByLabel('Password').fill('bar');
  await page.getByRole('button').click();
  await page.waitForURL('**/me');
  assert.equal(await page.locator('body').innerText(), 'foo');
});
