import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePorts } from '@banyan/testing';
import { connect } from 'amqplib';

/** The server's own script: what a package puts on the PATH may insist on a system account. */
const candidates = [
  process.env['BANYAN_RABBITMQ_SERVER'] ?? '',
  '/usr/lib/rabbitmq/bin/rabbitmq-server',
  '/opt/rabbitmq/sbin/rabbitmq-server',
  '/usr/local/sbin/rabbitmq-server',
  '/opt/homebrew/sbin/rabbitmq-server',
];

export const rabbitServerScript = candidates.find((path) => path !== '' && existsSync(path));

/** A broker of the test's own: node name, ports, data and cookie are its own, so that it meets no other. */
export interface RabbitServer {
  readonly url: string;
  /** With TLS, if there is a certificate. */
  readonly secureUrl: string;
  /** Resolves when it takes connections. */
  start(): Promise<void>;
  /**
   * Resolves when the server would find these quorum queues after a crash. RabbitMQ 3.10 writes their names down up to half a second after it has said that
   * they exist, and one that dies before never serves them again.
   */
  remembers(names: readonly string[]): Promise<void>;
  /** `kill -9` of all its processes. */
  kill(): Promise<void>;
  /** Ends the processes in the broker that write its streams, so many times; it starts them again, as after a change of the leader. */
  killStreamWriters(times: number): Promise<void>;
  /** SIGSTOP of all its processes: connections stay, nothing answers. */
  pause(): void;
  resume(): void;
  /** Kills it and removes its data. */
  remove(): Promise<void>;
}

const startTimeoutMs = 60_000;

export interface RabbitCertificate {
  /** PEM files. */
  readonly certificate: string;
  readonly key: string;
}

/** @param tls a listener with TLS beside the plain one */
export async function createRabbitServer(script: string, tls?: RabbitCertificate): Promise<RabbitServer> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-rabbitmq-'));
  const [port, distributionPort, epmdPort, tlsPort] = await freePorts(4);
  const url = `amqp://guest:guest@127.0.0.1:${port}`;
  const settings = [`listeners.tcp.1 = 127.0.0.1:${port}`];
  if (tls !== undefined) {
    settings.push(`listeners.ssl.1 = 127.0.0.1:${tlsPort}`, 'ssl_options.verify = verify_none');
    settings.push(`ssl_options.certfile = ${tls.certificate}`, `ssl_options.keyfile = ${tls.key}`);
  }
  await writeFile(join(folder, 'rabbitmq.conf'), `${settings.join('\n')}\n`);
  await writeFile(join(folder, 'enabled_plugins'), '[].\n');
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    RABBITMQ_NODENAME: `banyan-${randomUUID().slice(0, 8)}@localhost`,
    RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
    RABBITMQ_MNESIA_BASE: join(folder, 'data'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_LOGS: join(folder, 'log', 'server.log'),
    RABBITMQ_CONF_ENV_FILE: join(folder, 'no-file'),
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(distributionPort),
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
  };
  let server: ChildProcess | undefined;
  let output = '';
  const epmd = spawn('epmd', ['-port', String(epmdPort), '-address', '127.0.0.1'], { env, stdio: 'ignore' });
  epmd.on('error', () => {});

  async function kill(): Promise<void> {
    const killed = server;
    server = undefined;
    if (killed?.pid === undefined || killed.exitCode !== null || killed.signalCode !== null) return;
    const exited = once(killed, 'exit');
    // The script, the runtime and its children are one process group.
    process.kill(-killed.pid, 'SIGKILL');
    await exited;
  }

  const signal = (name: NodeJS.Signals) => {
    if (server?.pid !== undefined && server.exitCode === null) process.kill(-server.pid, name);
  };
  return {
    url,
    secureUrl: `amqps://guest:guest@127.0.0.1:${tlsPort}`,
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    async start() {
      const started = spawn(script, [], { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
      server = started;
      for (const stream of [started.stdout, started.stderr]) {
        stream.on('data', (chunk) => {
          output = (output + String(chunk)).slice(-4_000);
        });
      }
      const endsAtMs = Date.now() + startTimeoutMs;
      while (!(await answers(url))) {
        if (Date.now() > endsAtMs || started.exitCode !== null) {
          throw new Error(`RabbitMQ did not start: ${output}`);
        }
        await delay(100);
      }
    },
    async remembers(names) {
      const endsAtMs = Date.now() + startTimeoutMs;
      const { RABBITMQ_MNESIA_BASE: base, RABBITMQ_NODENAME: node } = env;
      for (;;) {
        // Queues are in one directory, what looks after the streams is in the other.
        const directories = ['quorum', 'coordination'].map((system) =>
          readFile(join(base, node, system, node, 'names.dets'), 'latin1'),
        );
        const known = (await Promise.all(directories)).join();
        const missing = names.filter((name) => !known.includes(name));
        if (missing.length === 0) return;
        if (Date.now() > endsAtMs) throw new Error(`RabbitMQ has not written down ${missing.join(', ')}`);
        await delay(50);
      }
    },
    async killStreamWriters(times) {
      const writers =
        '[P || Q <- rabbit_amqqueue:list(), amqqueue:get_type(Q) =:= rabbit_stream_queue, P <- [amqqueue:get_pid(Q)], is_pid(P)]';
      const expression = `[begin [exit(P, kill) || P <- ${writers}], timer:sleep(rand:uniform(200)) end || _ <- lists:seq(1, ${times})], ok.`;
      await promisify(execFile)(join(dirname(script), 'rabbitmqctl'), ['eval', expression], { env });
    },
    kill,
    async remove() {
      await kill();
      epmd.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    const model = await connect(url, { timeout: 5_000 });
    await model.close();
    return true;
  } catch {
    return false;
  }
}
