import type { TestContext } from 'node:test';
import { forward } from '@banyan/gateway';
import { type RunningShop, runShop } from './running-shop.ts';
import { type RawUpstream, runRawUpstream } from './upstream.ts';

/*
 * A raw client and a raw upstream around the gateway. What is asserted each time: the upstream has seen exactly as many requests as the client had
 * accepted, and the client gets exactly one answer for each.
 */

export const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
export const host = 'Host: shop\r\n';
export const post = `POST /up HTTP/1.1\r\n${host}`;
/** Behind whatever comes first. If it reaches the upstream, somebody has been tricked. */
export const smuggled = `GET /up/smuggled HTTP/1.1\r\n${host}Connection: close\r\n\r\n`;

interface Around {
  readonly shop: RunningShop;
  readonly upstream: RawUpstream;
}

export async function around(
  t: TestContext,
  answer: Parameters<typeof runRawUpstream>[1] = () => ok,
  limits: Readonly<Record<string, number>> = {},
): Promise<Around> {
  const upstream = await runRawUpstream(t, answer);
  const shop = await runShop(t, {
    gateway: {
      forward: [
        forward('/up/*', { to: upstream.url, access: 'anyone', timeoutMs: 2_000, idleTimeoutMs: 2_000 }),
      ],
      limits,
    },
  });
  return { shop, upstream };
}

export function statusesIn(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));
}
