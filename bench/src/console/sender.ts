import { gzipSync } from 'node:zlib';
import { givenTelemetry } from './given-telemetry.ts';

const [url = '', rateText = '', secondsText = ''] = process.argv.slice(2);
const perSecond = Number(rateText);
const seconds = Number(secondsText);
const spansPerRequest = 1_000;
const bodies = 40;

/** Sends spans at an even rate; what it sends was made and compressed before, so that it costs little here. */
const given = givenTelemetry(perSecond);
const made = Array.from({ length: bodies }, () =>
  gzipSync(JSON.stringify(given.spans(spansPerRequest, Date.now()))),
);
const total = Math.round((perSecond * seconds) / spansPerRequest);
const beganMs = performance.now();
let failed = 0;
const inFlight: Promise<void>[] = [];
for (let sent = 0; sent < total; sent += 1) {
  const dueMs = beganMs + (sent * spansPerRequest * 1_000) / perSecond;
  const waitMs = dueMs - performance.now();
  if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
  inFlight.push(send(made[sent % bodies] ?? Buffer.alloc(0)));
}
await Promise.all(inFlight);
process.send?.({ sent: total * spansPerRequest, failed, tookMs: performance.now() - beganMs });
process.disconnect?.();

async function send(body: Buffer): Promise<void> {
  const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
  const answer = await fetch(`${url}/v1/traces`, { method: 'POST', body: new Uint8Array(body), headers });
  await answer.arrayBuffer();
  if (!answer.ok) failed += spansPerRequest;
}
