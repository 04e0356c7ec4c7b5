import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const pom = fileURLToPath(new URL('./pom.xml', import.meta.url));
const cache = fileURLToPath(new URL('../../../../.kafka/', import.meta.url));
const copyDependencies = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies';

/** Why no broker can be started on this machine, in words a test may skip itself with; undefined if one can be. */
export async function whatKafkaNeeds(): Promise<string | undefined> {
  const java = await run('java', ['-version']);
  const major = Number(/version "(\d+)/.exec(java.output)?.[1] ?? 0);
  if (major < 17)
    return 'needs java 17 or newer on the PATH (Debian: apt-get install openjdk-17-jre-headless)';
  if (existsSync(jarFolder())) return undefined;
  const maven = await run('mvn', ['-version']);
  if (maven.code !== 0) {
    return 'needs Maven, to fetch the Kafka broker once from Maven Central (Debian: apt-get install maven)';
  }
  return undefined;
}

/** The folder with the broker's jars, fetched from Maven Central when they are asked for the first time (43 MB). */
export async function fetchKafkaJars(): Promise<string> {
  const folder = jarFolder();
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  // Fetched aside and renamed, so that an interrupted download is never taken for a whole one.
  const scratch = await mkdtemp(path.join(cache, 'fetching-'));
  try {
    const goal = [copyDependencies, `-DoutputDirectory=${scratch}`, '-DincludeScope=runtime'];
    const maven = await run('mvn', ['-q', '-B', '-f', pom, ...goal]);
    if (maven.code !== 0) throw new Error(`Maven could not fetch the Kafka broker:\n${maven.output}`);
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
function jarFolder(): string {
  return path.join(
    cache,
    `jars-${createHash('sha256').update(readFileSync(pom)).digest('hex').slice(0, 12)}`,
  );
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
