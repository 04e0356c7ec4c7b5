import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, lastFirst, temporaryFolder, type Undoing, until } from '@banyan/testing';

/** Of the Debian package `prometheus`. */
const prometheus = process.env['PROMETHEUS'] ?? 'prometheus';
/** Why tests of a Prometheus server are skipped; false: they are not. */
export const noPrometheus: string | false =
  spawnSync(prometheus, ['--version']).error !== undefined && 'needs prometheus';

export interface PrometheusServer {
  /** Asks its API: `query`, `targets` and so on; resolves with the `data` of the answer. */
  ask<Data>(path: string, parameters?: Readonly<Record<string, string>>): Promise<Data>;
}

/** Starts a server that reads the pages at `addresses` (`host:port`) each second, and keeps their exemplars; it ends with the test. */
export async function startPrometheus(t: Undoing, addresses: readonly string[]): Promise<PrometheusServer> {
  const folder = await temporaryFolder(t, 'prometheus');
  const configuration = join(folder, 'prometheus.yml');
  // JSON is YAML.
  const content = {
    global: { scrape_interval: '1s', scrape_timeout: '1s' },
    scrape_configs: [{ job_name: 'banyan', static_configs: [{ targets: addresses }] }],
  };
  await writeFile(configuration, JSON.stringify(content));
  const address = `127.0.0.1:${await freePort()}`;
  const server = spawn(
    prometheus,
    [
      `--config.file=${configuration}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=${address}`,
      '--enable-feature=exemplar-storage',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  server.stderr.on('data', (text: Buffer) => {
    said = (said + text.toString()).slice(-4_000);
  });
  lastFirst(t).after(() => end(server));
  await until(async () => {
    if (server.exitCode !== null) throw new Error(`Prometheus has ended: ${said}`);
    const answer = await fetch(`http://${address}/-/ready`).catch(() => undefined);
    return answer?.ok === true;
  }, 'Prometheus is ready');
  return {
    async ask<Data>(path: string, parameters: Readonly<Record<string, string>> = {}) {
      const answer = await fetch(`http://${address}/api/v1/${path}?${new URLSearchParams(parameters)}`);
      const { status, data, error } = (await answer.json()) as Answer<Data>;
      if (status !== 'success') throw new Error(`Prometheus refuses ${path}: ${error}`);
      return data;
    },
  };
}

interface Answer<Data> {
  readonly status: 'success' | 'error';
  readonly data: Data;
  readonly error?: string;
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const ended = once(server, 'exit');
  server.kill('SIGTERM');
  await ended;
}
