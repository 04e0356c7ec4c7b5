import { Agent, get } from 'node:http';

const password = 'several quiet otters';

/** Signs up so many. @returns their login ids */
export async function registerMembers(url: string, count: number): Promise<readonly string[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const loginId = `member-${index}`;
      const { registration } = await send(url, 'POST', '/registrations', { loginId });
      const step = (name: string) => `/registrations/${registration}/${name}`;
      await send(url, 'PUT', step('password'), { password });
      await send(url, 'PUT', step('recovery-information'), { name: 'Ada', email: `${loginId}@example.org` });
      await send(url, 'POST', step('confirmation'), {});
      return loginId;
    }),
  );
}

/** Each signs in, again and again. @returns how often all of them have */
export async function signInUntil(
  url: string,
  loginIds: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  let count = 0;
  const member = async (loginId: string) => {
    while (!signal.aborted) {
      const { workflowId } = await send(url, 'POST', '/logins', {});
      await send(url, 'POST', `/logins/${workflowId}/attempts`, { loginId, password });
      await send(url, 'POST', `/logins/${workflowId}/confirmation`, {});
      if (!signal.aborted) count += 1;
    }
  };
  await Promise.all(loginIds.map(member));
  return count;
}

/** @returns p99 of a route that has nothing to do with it, in µs */
export async function measureRoute(url: string, seconds: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const latencies: number[] = [];
  const endMs = performance.now() + seconds * 1_000;
  const visitor = async () => {
    while (performance.now() < endMs) {
      const startedAt = performance.now();
      await ask(`${url}/greeting`, agent);
      latencies.push(performance.now() - startedAt);
    }
  };
  await Promise.all(Array.from({ length: 4 }, visitor));
  agent.destroy();
  latencies.sort((left, right) => left - right);
  return (latencies[Math.floor(latencies.length * 0.99)] ?? 0) * 1_000;
}

function ask(url: string, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => {
      response.resume();
      response.once('end', () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`answered ${response.statusCode}`)),
      );
    }).once('error', reject);
  });
}

async function send(
  url: string,
  method: string,
  path: string,
  body: object,
): Promise<Record<string, string>> {
  const response = await fetch(url + path, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Record<string, string>;
}
