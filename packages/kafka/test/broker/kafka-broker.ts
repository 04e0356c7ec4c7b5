import { type ChildProcess, spawn } from 'node:child_process';
import { connect } from 'node:net';
import path from 'node:path';

export interface KafkaBroker {
  readonly port: number;
  readonly properties: string;
  readonly jvmFlags: readonly string[];
  /** While it runs. */
  readonly pid: number | undefined;
  /** Resolves when it answers requests. */
  start(): Promise<void>;
  /** In order: SIGTERM; SIGKILL after 20 s. */
  stop(): Promise<void>;
  /** At once: SIGKILL. */
  kill(): Promise<void>;
  /** SIGSTOP: connections stay, nothing answers. */
  pause(): void;
  resume(): void;
}

interface BrokerOptions {
  readonly port: number;
  readonly properties: string;
  readonly jars: string;
  readonly folder: string;
}

const startTimeoutMs = 90_000;
const stopTimeoutMs = 20_000;

export function createKafkaBroker({ port, properties, jars, folder }: BrokerOptions): KafkaBroker {
  const jvmFlags = [
    ...['-Xms64m', '-Xmx320m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto'],
    `-Dlog4j2.configurationFile=${path.join(folder, 'log4j2.properties')}`,
    `-Dkafka.logs.dir=${folder}`,
    ...['-cp', path.join(jars, '*')],
  ];
  let child: ChildProcess | undefined;
  let ended: Promise<void> = Promise.resolve();
  let output = '';

  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    const killTimer = setTimeout(() => child?.kill('SIGKILL'), signal === 'SIGKILL' ? 0 : stopTimeoutMs);
    child?.kill(signal);
    await ended;
    clearTimeout(killTimer);
  };
  const broker: KafkaBroker = {
    port,
    properties,
    jvmFlags,
    get pid() {
      return child?.pid;
    },
    async start() {
      const process = spawn('java', [...jvmFlags, 'kafka.Kafka', properties], {
        stdio: ['ignore', 'pipe', 'pipe'],
        cwd: folder,
      });
      child = process;
      for (const stream of [process.stdout, process.stderr]) {
        stream.on('data', (chunk: Buffer) => {
          output = (output + chunk.toString()).slice(-20_000);
        });
      }
      ended = new Promise((resolve) => {
        process.once('error', () => resolve());
        process.once('close', () => {
          child = undefined;
          resolve();
        });
      });
      const endsAtMs = Date.now() + startTimeoutMs;
      while (!(await answers(port))) {
        if (child === undefined || Date.now() > endsAtMs) {
          await broker.kill();
          throw new Error(`The Kafka broker on port ${port} did not start:\n${output}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    pause() {
      child?.kill('SIGSTOP');
    },
    resume() {
      child?.kill('SIGCONT');
    },
  };
  return broker;
}

/** Whether an ApiVersions request (version 0, the oldest one) gets an answer: the port is open some time before that. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const finish = (isAnswered: boolean) => {
      socket.destroy();
      resolve(isAnswered);
    };
    socket.setTimeout(1_000, () => finish(false));
    socket.once('error', () => finish(false));
    socket.once('close', () => finish(false));
    socket.once('data', () => finish(true));
    // Length, then API 18, version 0, correlation id 1, no client id.
    socket.once('connect', () => socket.write(Buffer.from('0000000a0012000000000001ffff', 'hex')));
  });
}
