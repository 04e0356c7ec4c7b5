import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stallMs, until } from '@banyan/testing';
import { createCustomer, makePhoto } from '../support/customer.ts';
import { startPhotoPrint } from '../support/running-system.ts';

for (const [name, flags] of Object.entries({ 'in one process': [], split: ['--split'] })) {
  test(`SIGTERM under load ${name}: no accepted request fails, and the process ends within 10 s`, async (t) => {
    const system = await startPhotoPrint(t, { flags: [...flags, '--calm'] });
    const customer = await createCustomer(system.url);
    const photo = await makePhoto();
    const failures: string[] = [];
    let answered = 0;
    let isOver = false;
    const requests = [
      () => customer.placeOrder('tok_ok'),
      () => customer.fetch('/print-orders'),
      () => customer.fetch(`/photos/${customer.photoId}/thumbnail`),
      () =>
        customer.fetch('/photos', { method: 'POST', headers: { 'content-type': 'image/jpeg' }, body: photo }),
      () => fetch(`${system.url}/products`),
    ];
    const clients = Array.from({ length: 10 }, async (_, index) => {
      while (!isOver) {
        try {
          const response = await (requests[index % requests.length] ?? assert.fail)();
          await response.arrayBuffer();
          if (response.status >= 400) failures.push(`${response.url} ${response.status}`);
          answered += 1;
        } catch (error) {
          // Refused before a byte was taken: the listener is closed, and this request was never accepted.
          if (!isRefusal(error)) failures.push(String((error as { cause?: unknown }).cause ?? error));
          if (isOver || isRefusal(error)) return;
        }
      }
    });
    await until(() => answered >= 60 || failures.length > 0);
    const stoppedAtMs = Date.now();
    system.process.kill('SIGTERM');
    const { code } = await system.exited;
    isOver = true;
    await Promise.all(clients);
    assert.deepEqual(failures, []);
    assert.equal(code, 0);
    assert.ok(answered > 20, `only ${answered} requests were answered`);
    assert.ok(Date.now() - stoppedAtMs < 10_000 + stallMs, 'it took longer than 10 s');
  });
}

function isRefusal(error: unknown): boolean {
  const cause = (error as { cause?: { code?: string; message?: string } }).cause;
  return cause?.code === 'ECONNREFUSED';
}
