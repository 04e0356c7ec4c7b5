import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { lastFirst, temporaryFolder, type Undoing, untilPasses } from '@banyan/testing';
import { createRawKafka } from '../../packages/kafka/test/kafka-under-test.ts';
import { deleteStream } from '../../packages/nats/test/delete-stream.ts';
import { createRabbitFixture } from '../../packages/rabbitmq/test/rabbit-fixture.ts';
import { runBanyan, startSystem } from '../support/running-system.ts';
import { atTills, eventsCommand, tillDirectory } from '../support/till-system.ts';

/** A place on a shared broker that is this test's alone. */
interface Place {
  readonly broker: string;
  /** Takes away what was made there. */
  clear(): Promise<void>;
}

const natsUrl = process.env['BANYAN_TEST_NATS_URL'];

/** How the name of each engine's log begins, and where it is. */
const engines = [
  { name: 'NATS JetStream', log: /^log: nats:/, variable: 'BANYAN_TEST_NATS_URL', createPlace: natsPlace },
  { name: 'Kafka', log: /^log: kafka:/, variable: 'BANYAN_TEST_KAFKA_URL', createPlace: kafkaPlace },
  {
    name: 'RabbitMQ',
    log: /^log: rabbitmq:/,
    variable: 'BANYAN_TEST_RABBITMQ_URL',
    createPlace: rabbitPlace,
  },
] as const;

for (const { name, log, variable, createPlace } of engines) {
  const url = process.env[variable];
  test(`BROKER_URL of ${name} is all that a system needs to change its log`, {
    skip: !url && `needs ${variable}`,
  }, async (context) => {
    const t = lastFirst(context);
    const { broker, clear } = createPlace(url ?? '');
    t.after(clear);
    const environment = { BROKER_URL: broker };
    const system = await startSystem(t, { directory: tillDirectory, flags: ['--calm'], environment });
    const tills = atTills(system.url);
    const events = eventsCommand(['--data', system.dataFolder], environment);
    await tills.setTill('a', true);
    await tills.sell('a', [5, 5, -1, 5]);
    await untilPasses(async () => assert.deepEqual(await tills.booked('a'), [1, 2]));
    await untilPasses(async () => {
      const { code, output } = await events([]);
      assert.equal(code, 0, output);
      assert.match(output, log);
      assert.match(output, /^books +on time .* 1 +1$/m);
    });
    assert.equal((await events(['discard', 'books', '--all', '--yes'])).code, 0);
    await untilPasses(async () => assert.deepEqual(await tills.booked('a'), [1, 2, 4]));
    await system.stop();
    assert.deepEqual(await system.exited, { code: 0, signal: null });
  });
}

test('a system waits for its broker, and goes on when it comes back', {
  skip: !natsUrl && 'needs BANYAN_TEST_NATS_URL',
}, async (context) => {
  const t = lastFirst(context);
  const { broker, clear } = natsPlace(natsUrl ?? '');
  t.after(clear);
  const target = new URL(broker);
  const way = await createWay(t, target);
  target.port = String(way.port);
  const environment = { BROKER_URL: target.href };
  const dataFolder = await temporaryFolder(t);
  const starting = startSystem(t, { directory: tillDirectory, flags: ['--calm'], environment, dataFolder });
  const logged = () => readFile(join(dataFolder, 'log', 'banyan.log'), 'utf8');
  await untilPasses(async () => assert.match(await logged(), /waiting for the broker/));
  await way.open();
  const system = await starting;
  const place = `nats://${target.host}`;
  assert.match(system.output(), new RegExp(`WARN +waiting for the broker: .*${place}, does not answer`));

  const tills = atTills(system.url);
  const events = eventsCommand(['--data', dataFolder], environment);
  await tills.setTill('a', true);
  await tills.sell('a', [5]);
  await untilPasses(async () => assert.deepEqual(await tills.booked('a'), [1]));
  await way.close();
  await tills.sell('a', [5, 5], 2);
  const [standing, dead] = await Promise.all([events(['status']), events(['dead', 'books'])]);
  assert.equal(standing.code, 1);
  assert.match(standing.output, new RegExp(`^log: .*${place}, does not answer`));
  assert.deepEqual(dead, { code: 0, output: 'No dead letters.\n' });
  await way.open();
  await untilPasses(async () => assert.deepEqual(await tills.booked('a'), [1, 2, 3]));
});

test('a wait for a broker ends with Ctrl-C; a scheme that no engine has is refused at once', async (context) => {
  const t = lastFirst(context);
  const data = await temporaryFolder(t);
  const words = ['up', '--dir', tillDirectory, '--port', '0', '--no-watch', '--data'];
  const waiting = runBanyan([...words, data], { BROKER_URL: 'nats://user:password@127.0.0.1:1' });
  t.after(async () => {
    waiting.process.kill('SIGKILL');
    await waiting.exited;
  });
  await untilPasses(async () => assert.match(waiting.output(), /waiting for the broker/));
  waiting.process.kill('SIGINT');
  assert.deepEqual(await waiting.exited, { code: 0, signal: null }, waiting.output());
  assert.doesNotMatch(waiting.output(), /password/);
  assert.doesNotMatch(await readFile(join(data, 'log', 'banyan.log'), 'utf8'), /password/);

  const nowhere = join(data, 'nowhere');
  const refused = runBanyan([...words, nowhere], { BROKER_URL: 'redis://127.0.0.1:6379' });
  assert.equal((await refused.exited).code, 1);
  assert.match(refused.output(), /^banyan: BROKER_URL must be .*nats:\/\/.*\n$/);
  assert.equal(existsSync(nowhere), false, 'nothing was started');
});

function natsPlace(url: string): Place {
  const name = uniqueName();
  return { broker: withQuery(url, `name=${name}`), clear: () => deleteStream(url, name) };
}

function kafkaPlace(url: string): Place {
  const prefix = `${uniqueName()}.`;
  return {
    broker: withQuery(url, `prefix=${prefix}`),
    async clear() {
      const kafka = createRawKafka(url);
      await kafka.deleteTopics(prefix);
      await kafka.close();
    },
  };
}

function rabbitPlace(url: string): Place {
  const fixture = createRabbitFixture(url, 'streams');
  return { broker: fixture.url, clear: () => fixture.close() };
}

function uniqueName(): string {
  return `test-${randomBytes(6).toString('hex')}`;
}

function withQuery(url: string, query: string): string {
  return `${url}${url.includes('?') ? '&' : '?'}${query}`;
}

/** A port that leads to a server, or to nobody. */
interface Way {
  readonly port: number;
  open(): Promise<void>;
  /** Cuts every connection and takes no new ones. */
  close(): Promise<void>;
}

async function createWay(t: Undoing, { hostname, port: targetPort }: URL): Promise<Way> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    const onward = connect(Number(targetPort), hostname);
    for (const [from, to] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      sockets.add(from);
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        to.destroy();
        sockets.delete(from);
      });
    }
  });
  let port = 0;
  const way = {
    get port() {
      return port;
    },
    open: () => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve)),
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
  await way.open();
  const address = server.address();
  if (typeof address === 'object' && address !== null) port = address.port;
  await way.close();
  t.after(() => way.close());
  return way;
}
