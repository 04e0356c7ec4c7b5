import { connect } from 'node:net';

/** Sends one request over a connection of its own and counts every byte in both directions. */
export async function exchange(
  url: string,
  { method = 'GET', headers = {} }: { readonly method?: string; readonly headers?: Record<string, string> },
): Promise<{
  readonly sent: number;
  readonly received: number;
  readonly status: number;
  readonly text: string;
}> {
  const { hostname, port, host, pathname, search } = new URL(url);
  const lines = Object.entries({ host, ...headers, connection: 'close' }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  const request = `${method} ${pathname}${search} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
  const socket = connect(Number(port), hostname);
  socket.write(request);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return {
    sent: Buffer.byteLength(request),
    received: Buffer.concat(chunks).byteLength,
    status: Number(text.split(' ', 2)[1]),
    text,
  };
}
