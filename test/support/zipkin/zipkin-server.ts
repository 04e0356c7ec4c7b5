import { spawn } from 'node:child_process';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { eventually, freePort, lastFirst } from '@banyan/testing';
import { fetchJars, type MavenJars, whatJarsNeed } from '../maven-jars.ts';

const jars: MavenJars = {
  name: 'the Zipkin server',
  pom: new URL('./pom.xml', import.meta.url),
  cache: '.zipkin',
};

/** Why it cannot be started here; false if it can. */
export const noZipkin: string | false = (await whatJarsNeed(jars)) ?? false;

/** A Zipkin server that keeps everything in its memory, until the test ends. @returns its address */
export async function startZipkin(t: Pick<TestContext, 'after'>): Promise<string> {
  const folder = await fetchJars(jars);
  const port = await freePort();
  const child = spawn('java', ['-Xmx256m', '-jar', path.join(folder, 'zipkin-server-3.4.4-exec.jar')], {
    env: { ...process.env, QUERY_PORT: String(port), STORAGE_TYPE: 'mem', SELF_TRACING_ENABLED: 'false' },
    stdio: 'ignore',
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  lastFirst(t).after(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const url = `http://127.0.0.1:${port}`;
  const isUp = () =>
    fetch(`${url}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
  await eventually(isUp, (up) => up, 90_000);
  return url;
}
