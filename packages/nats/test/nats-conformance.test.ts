import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { EventLog } from '@banyan/events';
import { describeEventLog, type EventLogFixture } from '@banyan/events/testing';
import { createNatsEventLog } from '@banyan/nats';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { lacksServer, type OwnServer, startOwnServer } from './own-server.ts';

const sharedUrl = process.env['BANYAN_TEST_NATS_URL'];

describe('on a NATS server that is there', {
  skip: sharedUrl === undefined && 'needs BANYAN_TEST_NATS_URL',
}, () => {
  if (sharedUrl === undefined) test('passes the suite of the event log', () => {});
  else describeEventLog('a shared NATS server', () => createFixture(sharedUrl));
});

describe('on a NATS server that restarts', { skip: lacksServer }, () => {
  let server: OwnServer;
  before(async () => {
    server = await startOwnServer();
  });
  after(() => server.remove());
  describeEventLog('a NATS server of its own', async () => {
    const restart = async () => {
      await server.stop('SIGKILL');
      await server.start();
    };
    return { ...(await createFixture(server.url)), faults: { restart } };
  });
});

async function createFixture(url: string): Promise<EventLogFixture> {
  const name = `test-${randomBytes(6).toString('hex')}`;
  const logs: EventLog[] = [];
  const open = async () => {
    const log = await createNatsEventLog({ url: `${url}?name=${name}` });
    logs.push(log);
    return log;
  };
  const nc = await connect({
    servers: url.replace(/^nats:\/\//, ''),
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
  });
  return {
    log: await open(),
    other: await open(),
    reopen: open,
    async publishRaw(topic, partition, text) {
      const { config } = await (await jetstreamManager(nc)).streams.info(name);
      await nc.request(config.subjects[partition]?.replace('>', topic) ?? '', text);
    },
    async close() {
      for (const log of logs) await log.close();
      await (await jetstreamManager(nc)).streams.delete(name);
      await nc.close();
    },
  };
}
