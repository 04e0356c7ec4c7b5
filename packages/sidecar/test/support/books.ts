import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { service, system } from '@banyan/chassis';
import { contract, operation } from '@banyan/contract';
import { sidecar } from '@banyan/sidecar';
import { z } from 'zod';

export const python = '/usr/bin/python3';
export const skip = existsSync(python) ? false : 'needs Python 3';

export const people = contract('people', {
  version: '1.0.0',
  operations: {
    me: operation('GET /me', {
      input: z.object({}),
      output: z.object({ service: z.string(), user: z.string().optional() }),
    }),
  },
});
const peopleService = service(people, {
  operations: { me: async (_, { caller }) => ({ service: caller.service, user: caller.user?.id }) },
});

const Seen = z.object({ seen: z.string() });
export const reviews = contract('reviews', {
  version: '1.0.0',
  operations: {
    getReviews: operation('GET /reviews/:book', {
      input: z.object({ book: z.string() }),
      output: Seen,
      errors: { noSuchBook: { status: 404 } },
    }),
    addReview: operation('POST /reviews/:book', {
      input: z.object({ book: z.string(), stars: z.int().min(1).max(5) }),
      output: Seen,
    }),
  },
});

const shop = contract('shop', { version: '1.0.0', operations: {} });
export const books = system('sidecar-books', {
  services: [
    sidecar(reviews, { uses: { people } }),
    peopleService,
    service(shop, { uses: { reviews, people }, operations: {} }),
  ],
});

/** Reviews in Python's standard library, beside a sidecar whose outgoing port is given. */
export async function startPython(t: TestContext, port: number, outgoing: number): Promise<ChildProcess> {
  const file = fileURLToPath(new URL('../reviews.py', import.meta.url));
  const child = spawn(python, [file, String(port)], {
    env: { OTHERS: `http://127.0.0.1:${outgoing}` },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}
