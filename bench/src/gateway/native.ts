import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { order } from '../payload.ts';

/** A program of the system, on one CPU. */
export interface Native {
  readonly port: number;
  readonly child: ChildProcess;
}

const folder = mkdtempSync(path.join(tmpdir(), 'banyan-bench-gateway-'));
export const largeBytes = 10 * 1_048_576;
mkdirSync(path.join(folder, 'www'));
writeFileSync(path.join(folder, 'www', 'large'), Buffer.alloc(largeBytes, 'x'));

/**
 * What stands behind all proxies: nginx, which answers small JSON, a file of 10 MB, and takes uploads: it answers them when it has them, which it does
 * only if it passes something on.
 */
export function startUpstream(port: number, cpu: number): Promise<Native> {
  return startNginx('upstream', {
    port,
    cpu,
    server: `location / { default_type application/json; return 200 '${JSON.stringify(order)}'; }
      location = /large { root ${folder}/www; }
      location = /upload {
        client_body_buffer_size 16m; proxy_pass http://127.0.0.1:${port}/; proxy_pass_request_body off; proxy_set_header Content-Length "";
      }`,
  });
}

export function startNginxProxy(port: number, upstreamPort: number): Promise<Native> {
  return startNginx('proxy', {
    port,
    cpu: 0,
    before: `upstream back { server 127.0.0.1:${upstreamPort}; keepalive 128; }`,
    server:
      'location / { proxy_pass http://back; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_request_buffering off; proxy_max_temp_file_size 0; }',
  });
}

export async function startHaproxy(port: number, upstreamPort: number): Promise<Native> {
  const file = path.join(folder, 'haproxy.cfg');
  writeFileSync(
    file,
    `global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  http-reuse always
frontend front
  bind 127.0.0.1:${port}
  default_backend back
backend back
  server one 127.0.0.1:${upstreamPort}
`,
  );
  return running(port, pinned(0, 'haproxy', ['-db', '-f', file]));
}

export async function startCaddy(port: number, upstreamPort: number): Promise<Native> {
  const file = path.join(folder, 'Caddyfile');
  writeFileSync(
    file,
    `{\n  admin off\n  auto_https off\n}\nhttp://127.0.0.1:${port} {\n  reverse_proxy 127.0.0.1:${upstreamPort}\n}\n`,
  );
  return running(
    port,
    pinned(0, 'caddy', ['run', '--config', file, '--adapter', 'caddyfile'], { GOMAXPROCS: '1' }),
  );
}

/** True if the program is on this machine. */
export function has(program: string): boolean {
  return ['/usr/sbin', '/usr/bin', '/usr/local/bin'].some((each) => existsSync(path.join(each, program)));
}

interface NginxOptions {
  readonly port: number;
  readonly cpu: number;
  readonly before?: string;
  readonly server: string;
}

function startNginx(name: string, { port, cpu, before = '', server }: NginxOptions): Promise<Native> {
  const file = path.join(folder, `${name}.conf`);
  writeFileSync(
    file,
    `daemon off; master_process off; worker_processes 1; pid ${folder}/${name}.pid; error_log ${folder}/${name}.log;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 100000000; client_max_body_size 0; client_body_temp_path ${folder}/body-${name}; proxy_temp_path ${folder}/proxy-${name};
  fastcgi_temp_path ${folder}/f-${name}; uwsgi_temp_path ${folder}/u-${name}; scgi_temp_path ${folder}/s-${name}; sendfile on;
  ${before}
  server { listen 127.0.0.1:${port}; ${server} } }`,
  );
  return running(port, pinned(cpu, 'nginx', ['-c', file]));
}

function pinned(
  cpu: number,
  command: string,
  words: readonly string[],
  more: Record<string, string> = {},
): ChildProcess {
  const child = spawn('taskset', ['-c', String(cpu), command, ...words], {
    stdio: 'ignore',
    env: { ...process.env, ...more },
  });
  process.on('exit', () => child.kill('SIGKILL'));
  return child;
}

async function running(port: number, child: ChildProcess): Promise<Native> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (await answers(port)) return { port, child };
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`nothing answers at port ${port}`);
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
