import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientProxyFactory,
  MessagePattern,
  type MicroserviceOptions,
  Transport,
} from '@nestjs/microservices';
import { Ajv } from 'ajv';
import { firstValueFrom } from 'rxjs';
import { order, orderJsonSchema } from '../payload.ts';
import type { RpcStack } from './stack.ts';

const validate = new Ajv().compile(orderJsonSchema);
const port = 43_775;

class EchoController {
  order(input: unknown) {
    return validate(input) ? input : {};
  }
}
// Decorators as calls: Node runs TypeScript by removing types, and decorators are more than types.
const method = Object.getOwnPropertyDescriptor(EchoController.prototype, 'order') as PropertyDescriptor;
MessagePattern('order')(EchoController.prototype, 'order', method);
Controller()(EchoController);
class EchoModule {}
Module({ controllers: [EchoController] })(EchoModule);

export const stack: RpcStack = {
  async serve() {
    const app = await NestFactory.createMicroservice<MicroserviceOptions>(EchoModule, {
      logger: false,
      transport: Transport.TCP,
      options: { host: '127.0.0.1', port },
    });
    await app.listen();
    return String(port);
  },
  async connect(address) {
    const client = ClientProxyFactory.create({
      transport: Transport.TCP,
      options: { host: '127.0.0.1', port: Number(address) },
    });
    await client.connect();
    return () => firstValueFrom(client.send('order', order));
  },
};
