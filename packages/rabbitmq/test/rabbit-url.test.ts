import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRabbitEventLog } from '@banyan/rabbitmq';

test('a URL that cannot be meant is refused before anything is asked, and nothing of its login is told', async () => {
  const urls = [
    ...[
      'amqp:',
      'http://one',
      'amqp://ann:%zzsecret@one',
      'amqp://%zzsecret@one',
      'amqp://ann:secret@one/%zz',
    ],
    ...['amqp://one?partition=3', 'amqp://one?partitions=', 'amqp://one?partitions=1000'],
    ...['amqp://one?mode=both', 'amqp://one?maxAge=30', 'amqp://one?name=a/b'],
  ];
  for (const url of urls) {
    const refused = (error: { code?: string; reason?: string; message: string }) => {
      assert.deepEqual([error.code, error.reason], ['failed_precondition', 'rabbit_url_invalid'], url);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    };
    await assert.rejects(createRabbitEventLog({ url }), refused, url);
  }
});
