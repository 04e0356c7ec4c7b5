import { spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '@banyan/testing';
import { fetchJars, type MavenJars, whatJarsNeed } from '../maven-jars.ts';

/** 46 MB. */
const jars: MavenJars = {
  name: 'OpenSearch',
  pom: new URL('./pom.xml', import.meta.url),
  cache: '.opensearch',
};

/** Why no server can be started on this machine; undefined if one can be. */
export const whatOpenSearchNeeds = (): Promise<string | undefined> => whatJarsNeed(jars);

export interface OpenSearchServer {
  readonly url: string;
  /** Ends it and removes its data. Idempotent. */
  stop(): Promise<void>;
}

const startTimeoutMs = 90_000;

/** One node of OpenSearch on free ports of the loopback, with data of its own in the system's temporary folder; ready when this resolves, after about 4 s. */
export async function startOpenSearch(): Promise<OpenSearchServer> {
  const fetched = await fetchJars(jars);
  const home = await mkdtemp(path.join(tmpdir(), 'banyan-opensearch-'));
  const [http = 0, transport = 0] = await freePorts(2);
  await layOut(home, fetched, settings(home, { http, transport }));
  const server = spawn('java', [...jvmFlags(home), 'org.opensearch.bootstrap.OpenSearch'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: home,
  });
  let output = '';
  for (const stream of [server.stdout, server.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-20_000);
    });
  }
  let isRunning = true;
  const ended = new Promise<void>((resolve) => {
    const end = () => {
      isRunning = false;
      resolve();
    };
    server.once('error', end);
    server.once('close', end);
  });
  const stop = async () => {
    server.kill('SIGKILL');
    await ended;
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  };
  const url = `http://127.0.0.1:${http}`;
  const deadlineMs = performance.now() + startTimeoutMs;
  while (!(await answers(url))) {
    if (!isRunning || performance.now() > deadlineMs) {
      await stop();
      throw new Error(`OpenSearch did not start:\n${output}`);
    }
    await sleep(100);
  }
  return { url, stop };
}

/** The folders of a distribution: the server's jars in `lib`, what speaks HTTP as its one module. Copies, because it may read nothing outside. */
async function layOut(home: string, fetched: string, yaml: string): Promise<void> {
  const netty = path.join(home, 'modules/transport-netty4');
  const folders = ['config', 'lib', 'plugins', 'logs', 'data'].map((name) => path.join(home, name));
  for (const folder of [netty, ...folders]) await mkdir(folder, { recursive: true });
  for (const jar of await readdir(fetched)) {
    const folder = /^(netty|transport-netty4)-/.test(jar) ? netty : path.join(home, 'lib');
    await copyFile(path.join(fetched, jar), path.join(folder, jar));
  }
  await writeFile(
    path.join(netty, 'plugin-descriptor.properties'),
    toDescriptor(versionOf(await readdir(fetched))),
  );
  await writeFile(path.join(netty, 'plugin-security.policy'), modulePolicy);
  await writeFile(path.join(home, 'config/opensearch.yml'), yaml);
  await writeFile(path.join(home, 'config/log4j2.properties'), logging);
}

function jvmFlags(home: string): readonly string[] {
  return [
    ...['-Xms192m', '-Xmx192m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto'],
    '-Djava.security.manager=allow',
    // Without native methods, so that it needs no account other than that of the tests, and locks no memory.
    ...['-Djna.nosys=true', '-Djna.nounpack=true'],
    ...[`-Dopensearch.path.home=${home}`, `-Dopensearch.path.conf=${path.join(home, 'config')}`],
    ...['-Dlog4j2.disable.jmx=true', '-Dlog4j.shutdownHookEnabled=false'],
    ...['-cp', path.join(home, 'lib', '*')],
  ];
}

function settings(home: string, { http, transport }: { readonly http: number; readonly transport: number }) {
  return [
    'discovery.type: single-node',
    'network.host: 127.0.0.1',
    `http.port: ${http}`,
    `transport.port: ${transport}`,
    `path.data: ${path.join(home, 'data')}`,
    `path.logs: ${path.join(home, 'logs')}`,
    // A disk that is nearly full must not make indexes read-only.
    'cluster.routing.allocation.disk.threshold_enabled: false',
    '',
  ].join('\n');
}

/** The pom alone says which version it is. */
function versionOf(names: readonly string[]): string {
  for (const name of names) {
    const version = /^opensearch-(\d[\w.-]*)\.jar$/.exec(name)?.[1];
    if (version !== undefined) return version;
  }
  throw new Error('The jar of the OpenSearch server is not among those that Maven fetched.');
}

const toDescriptor = (version: string) => `name=transport-netty4
description=HTTP and transport
version=${version}
opensearch.version=${version}
java.version=11
classname=org.opensearch.transport.Netty4Plugin
has.native.controller=false
`;

const modulePolicy = `grant codeBase "\${codebase.netty-common}" {
  permission java.lang.RuntimePermission "getClassLoader";
  permission java.net.SocketPermission "*", "accept,connect";
};
grant codeBase "\${codebase.netty-transport}" {
  permission java.util.PropertyPermission "sun.nio.ch.bugLevel", "write";
  permission java.net.SocketPermission "*", "accept,connect";
};
`;

const logging = `status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%p][%c{1.}] %m%n
rootLogger.level = error
rootLogger.appenderRef.console.ref = console
`;

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/_cluster/health`, { signal: AbortSignal.timeout(1_000) })).ok;
  } catch {
    return false;
  }
}
