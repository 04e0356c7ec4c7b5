import { connect } from 'node:net';
import { order } from '../payload.ts';

/**
 * A load generator on bare sockets: it writes the same request again as soon as as many bytes have come back as the first answer had,
 * and parses nothing, so that it is never the slower side.
 */
const [portText = '0', headersText = '{}', connectionsText = '64', durationText = '1000'] =
  process.argv.slice(2);
const port = Number(portText);
const body = JSON.stringify(order);
const lines = Object.entries({
  host: `127.0.0.1:${port}`,
  'content-type': 'application/json',
  'content-length': String(Buffer.byteLength(body)),
  ...(JSON.parse(headersText) as Record<string, string>),
}).map(([name, value]) => `${name}: ${value}`);
const request = Buffer.from(`POST /orders HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`);

const responseBytes = await measureResponse();
const warmUp = await load(Number(connectionsText), Math.min(2_000, Number(durationText) / 2));
const counted = await load(Number(connectionsText), Number(durationText));
process.send?.({ ...counted, allRequests: warmUp.requests + counted.requests + 1 });
process.exit(0);

async function measureResponse(): Promise<number> {
  const socket = connect(port, '127.0.0.1');
  socket.write(request);
  let received = Buffer.alloc(0);
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk as Buffer]);
    const text = received.toString('latin1');
    const end = text.indexOf('\r\n\r\n');
    const length = Number(/content-length: (\d+)/i.exec(text)?.[1]);
    if (end >= 0 && received.length >= end + 4 + length) break;
  }
  socket.destroy();
  const status = received.subarray(0, 15).toString('latin1');
  if (!status.startsWith('HTTP/1.1 200'))
    throw new Error(`the server answered: ${received.toString().slice(0, 400)}`);
  return received.length;
}

async function load(connections: number, durationMs: number) {
  const latencies: number[] = [];
  const start = performance.now();
  const end = start + durationMs;
  await Promise.all(Array.from({ length: connections }, () => drive(end, latencies)));
  const seconds = (performance.now() - start) / 1000;
  latencies.sort((left, right) => left - right);
  return {
    requests: latencies.length,
    requestsPerSecond: latencies.length / seconds,
    p99Us: (latencies[Math.floor(latencies.length * 0.99)] ?? 0) * 1000,
  };
}

function drive(end: number, latencies: number[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.setNoDelay(true);
    let sentAt = performance.now();
    let missing = responseBytes;
    socket.on('connect', () => socket.write(request));
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      missing -= chunk.length;
      if (missing > 0) return;
      const now = performance.now();
      latencies.push(now - sentAt);
      if (now >= end) {
        socket.destroy();
        resolve();
        return;
      }
      missing = responseBytes;
      sentAt = now;
      socket.write(request);
    });
  });
}
