import { fileURLToPath } from 'node:url';
import { credentials, loadPackageDefinition, Server, ServerCredentials } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { Ajv } from 'ajv';
import { order, orderJsonSchema } from '../payload.ts';
import type { RpcStack } from './stack.ts';

const validate = new Ajv().compile(orderJsonSchema);

type Reply = (error: Error | null, value?: unknown) => void;
interface EchoClient {
  order(input: unknown, reply: Reply): void;
}
interface EchoPackage {
  readonly Echo: (new (address: string, secure: unknown) => EchoClient) & { readonly service: never };
}

function loadEcho(): EchoPackage {
  const file = fileURLToPath(new URL('./echo.proto', import.meta.url));
  return loadPackageDefinition(loadSync(file, { keepCase: true }))['echo'] as unknown as EchoPackage;
}

export const stack: RpcStack = {
  serve: () =>
    new Promise((resolve, reject) => {
      const server = new Server();
      server.addService(loadEcho().Echo.service, {
        order: (call: { request: unknown }, reply: Reply) =>
          reply(null, validate(call.request) ? call.request : {}),
      });
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(`127.0.0.1:${port}`) : reject(error),
      );
    }),
  async connect(address) {
    const { Echo } = loadEcho();
    const client = new Echo(address, credentials.createInsecure());
    return () =>
      new Promise((resolve, reject) => {
        client.order(order, (error, value) => (error === null ? resolve(value) : reject(error)));
      });
  },
};
