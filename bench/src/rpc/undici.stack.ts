import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Ajv } from 'ajv';
import { Pool } from 'undici';
import { order, orderJsonSchema } from '../payload.ts';
import type { RpcStack } from './stack.ts';

const validate = new Ajv().compile(orderJsonSchema);

export const stack: RpcStack = {
  serve: () =>
    new Promise((resolve) => {
      const server = createServer((request, response) => {
        const chunks: Buffer[] = [];
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.on('end', () => {
          const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
          const text = validate(body) ? JSON.stringify(body) : '{}';
          response.writeHead(200, {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(text),
          });
          response.end(text);
        });
      });
      server.listen(0, '127.0.0.1', () =>
        resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
      );
    }),
  async connect(address) {
    const pool = new Pool(address, { connections: 64 });
    const headers = { 'content-type': 'application/json' };
    return async () => {
      const { body } = await pool.request({
        method: 'POST',
        path: '/orders',
        headers,
        body: JSON.stringify(order),
      });
      return body.json();
    };
  },
};
