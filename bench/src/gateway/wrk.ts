import { execFile } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

export interface LoadOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Makes each request a POST with it. */
  readonly body?: string;
  readonly seconds: number;
  readonly connections: number;
}

export interface LoadFigures {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const folder = mkdtempSync(path.join(tmpdir(), 'banyan-bench-wrk-'));

/** wrk (Debian package `wrk`) on the second CPU. @throws Error if an answer was no success */
export async function load(url: string, options: LoadOptions): Promise<LoadFigures> {
  const { headers = {}, body, seconds, connections } = options;
  const words = ['-c', '1', 'wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '--latency'];
  for (const [name, value] of Object.entries(headers)) words.push('-H', `${name}: ${value}`);
  if (body !== undefined) {
    const script = path.join(folder, 'post.lua');
    writeFileSync(
      script,
      `wrk.method = 'POST'\nwrk.headers['content-type'] = 'application/json'\nwrk.body = [[${body}]]\n`,
    );
    words.push('-s', script);
  }
  const { stdout } = await promisify(execFile)('taskset', [...words, url]);
  const bad = /Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)/.exec(stdout);
  if (bad !== null) throw new Error(`${url}: ${bad[0]}`);
  return {
    requestsPerSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]),
    p50Ms: toMs(/50%\s+(\S+)/.exec(stdout)?.[1]),
    p99Ms: toMs(/99%\s+(\S+)/.exec(stdout)?.[1]),
  };
}

function toMs(text = ''): number {
  const value = Number.parseFloat(text);
  if (text.endsWith('us')) return value / 1_000;
  return text.endsWith('ms') ? value : value * 1_000;
}
