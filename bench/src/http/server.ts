import { createServiceTokens } from '@banyan/auth';
import { systemClock } from '@banyan/core';
import { createEchoHost, secret } from '../banyan-host.ts';
import { orderJsonSchema } from '../payload.ts';

/** One HTTP server in a process of its own: the same validated echo at `POST /orders`. Tells its parent where and with which headers. */
const [stack = '', portText = '0'] = process.argv.slice(2);
const port = Number(portText);
const headers = await (
  { banyan: serveBanyan, fastify: serveFastify, nest: serveNest }[stack] ?? serveFastify
)();
process.send?.({ port, headers });
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuUs: user + system });
});
process.on('disconnect', () => process.exit(0));

async function serveBanyan(): Promise<Record<string, string>> {
  await createEchoHost({ port }).start();
  const token = await createServiceTokens({ key: secret, service: 'gateway', clock: systemClock }).issue(
    'echo',
  );
  return {
    authorization: `Bearer ${token}`,
    traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    'banyan-deadline-ms': '10000',
  };
}

async function serveFastify(): Promise<Record<string, string>> {
  const { fastify } = await import('fastify');
  const app = fastify();
  const schema = { body: orderJsonSchema, response: { 200: orderJsonSchema } };
  app.post('/orders', { schema }, async (request) => request.body);
  await app.listen({ host: '127.0.0.1', port });
  return {};
}

async function serveNest(): Promise<Record<string, string>> {
  await import('reflect-metadata');
  const { Body, Controller, HttpCode, Module, Post } = await import('@nestjs/common');
  const { NestFactory } = await import('@nestjs/core');
  const { FastifyAdapter } = await import('@nestjs/platform-fastify');
  const { Ajv } = await import('ajv');
  const validate = new Ajv().compile(orderJsonSchema);
  class OrdersController {
    order(input: unknown) {
      return input;
    }
  }
  const method = Object.getOwnPropertyDescriptor(OrdersController.prototype, 'order') as PropertyDescriptor;
  const pipe = {
    transform(value: unknown) {
      if (!validate(value)) throw new Error('invalid');
      return value;
    },
  };
  Body(pipe)(OrdersController.prototype, 'order', 0);
  HttpCode(200)(OrdersController.prototype, 'order', method);
  Post('orders')(OrdersController.prototype, 'order', method);
  Reflect.defineMetadata('design:paramtypes', [Object], OrdersController.prototype, 'order');
  Controller()(OrdersController);
  class AppModule {}
  Module({ controllers: [OrdersController] })(AppModule);
  const app = await NestFactory.create(AppModule, new FastifyAdapter() as never, { logger: false });
  await app.listen(port, '127.0.0.1');
  return {};
}
