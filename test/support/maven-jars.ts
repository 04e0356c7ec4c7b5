import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** A server that runs on Java and that tests start: what its pom names. */
export interface MavenJars {
  /** Such as `the Kafka broker`. */
  readonly name: string;
  /** A `pom.xml` whose dependencies are the server. */
  readonly pom: URL;
  /** Folder at the top of the checkout, ignored by git, that keeps what was fetched. */
  readonly cache: string;
}

const top = fileURLToPath(new URL('../../', import.meta.url));
const copyDependencies = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies';

/** Why the server cannot be started on this machine, in words a test may skip itself with; undefined if it can be. */
export async function whatJarsNeed(jars: MavenJars): Promise<string | undefined> {
  const java = await run('java', ['-version']);
  const major = Number(/version "(\d+)/.exec(java.output)?.[1] ?? 0);
  if (major < 17)
    return 'needs java 17 or newer on the PATH (Debian: apt-get install openjdk-17-jre-headless)';
  if (existsSync(jarFolder(jars))) return undefined;
  const maven = await run('mvn', ['-version']);
  if (maven.code !== 0) {
    return `needs Maven, to fetch ${jars.name} once from Maven Central (Debian: apt-get install maven)`;
  }
  return undefined;
}

/** The folder with the jars, fetched from Maven Central when they are asked for the first time. */
export async function fetchJars(jars: MavenJars): Promise<string> {
  const folder = jarFolder(jars);
  if (existsSync(folder)) return folder;
  const cache = path.dirname(folder);
  await mkdir(cache, { recursive: true });
  // Fetched aside and renamed, so that an interrupted download is never taken for a whole one.
  const scratch = await mkdtemp(path.join(cache, 'fetching-'));
  try {
    const goal = [copyDependencies, `-DoutputDirectory=${scratch}`, '-DincludeScope=runtime'];
    const maven = await run('mvn', ['-q', '-B', '-f', fileURLToPath(jars.pom), ...goal]);
    if (maven.code !== 0) throw new Error(`Maven could not fetch ${jars.name}:\n${maven.output}`);
    await rename(scratch, folder).catch((error: NodeJS.ErrnoException) => {
      // Another process was first.
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return folder;
}

/** Named after what the pom says, so that another version is another folder. */
function jarFolder({ pom, cache }: MavenJars): string {
  const version = createHash('sha256').update(readFileSync(pom)).digest('hex').slice(0, 12);
  return path.join(top, cache, `jars-${version}`);
}

interface Finished {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a program to its end; a program that is missing ends with code null. */
export function run(command: string, words: readonly string[], timeoutMs = 300_000): Promise<Finished> {
  return new Promise((resolve) => {
    const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
    }
    child.once('error', (error) => resolve({ code: null, output: String(error) }));
    child.once('close', (code) => resolve({ code, output }));
  });
}
