import { execFile } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

export interface LoadOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Makes each request a POST with it, or with so many bytes. */
  readonly body?: string | number;
  /**
   * So many requests per second if answers took no time, spread by chance. wrk is a closed loop: each connection waits after its answer, so slow answers make
   * requests fewer, and what comes behind a slow one is not counted as late. Default: without waiting.
   */
  readonly rate?: number;
  readonly seconds: number;
  readonly connections: number;
}

export interface LoadFigures {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const folder = mkdtempSync(path.join(tmpdir(), 'banyan-bench-wrk-'));
let scripts = 0;

/** wrk (Debian package `wrk`) on the second CPU. @throws Error if an answer was no success */
export async function load(url: string, options: LoadOptions): Promise<LoadFigures> {
  const { headers = {}, seconds, connections } = options;
  const words = ['-c', '1', 'wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '--latency'];
  for (const [name, value] of Object.entries(headers)) words.push('-H', `${name}: ${value}`);
  const lines = [...bodyLines(options.body), ...delayLines(options)];
  if (lines.length > 0) {
    const script = path.join(folder, `${scripts}.lua`);
    scripts += 1;
    writeFileSync(script, `${lines.join('\n')}\n`);
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

function bodyLines(body: LoadOptions['body']): readonly string[] {
  if (body === undefined) return [];
  const [type, text] =
    typeof body === 'number'
      ? ['application/octet-stream', `string.rep('x', ${body})`]
      : ['application/json', `[[${body}]]`];
  return [`wrk.method = 'POST'`, `wrk.headers['content-type'] = '${type}'`, `wrk.body = ${text}`];
}

/** Each connection waits between an answer and its next request, on average for as long as makes the rate. */
function delayLines({ rate, connections }: LoadOptions): readonly string[] {
  if (rate === undefined) return [];
  const meanMs = (connections / rate) * 1_000;
  return [`function delay() return math.random(0, ${Math.round(2 * meanMs)}) end`];
}

function toMs(text = ''): number {
  const value = Number.parseFloat(text);
  if (text.endsWith('us')) return value / 1_000;
  return text.endsWith('ms') ? value : value * 1_000;
}
