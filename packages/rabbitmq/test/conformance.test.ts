import { test } from 'node:test';
import { describeEventLog } from '@banyan/events/testing';
import { createRabbitFixture, type RabbitMode } from './rabbit-fixture.ts';

const serverUrl = process.env['BANYAN_TEST_RABBITMQ_URL'];

if (serverUrl === undefined) test('RabbitMQ', { skip: 'needs BANYAN_TEST_RABBITMQ_URL' }, () => {});
else {
  describeRabbit('streams', serverUrl);
  describeRabbit('queues', serverUrl);
}

function describeRabbit(mode: RabbitMode, url: string): void {
  describeEventLog(`RabbitMQ ${mode}`, async () => {
    const fixture = createRabbitFixture(url, mode);
    return {
      log: await fixture.open(),
      other: await fixture.open(),
      reopen: () => fixture.open(),
      publishRaw: fixture.publishRaw,
      close: fixture.close,
    };
  });
}
