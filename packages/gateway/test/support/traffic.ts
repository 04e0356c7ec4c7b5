import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';

/** Versions that answer `count` requests, one after the other, with how often each did. */
export async function countVersions(
  url: string,
  count: number,
  headers: (index: number) => Readonly<Record<string, string>> = () => ({}),
): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (let index = 0; index < count; index += 1) {
    const version = await versionAt(url, headers(index));
    counts[version] = (counts[version] ?? 0) + 1;
  }
  return counts;
}

/** The version that answers. */
export async function versionAt(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const response = await fetch(url, { headers });
  const body = await response.text();
  assert.equal(response.status, 200, body);
  return response.headers.get('api-version') ?? 'none';
}

/** Waits until `condition` holds: at most as long as a change may take to reach every replica. */
export async function withinFiveSeconds(what: string, condition: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 5_000;
  while (!(await condition())) {
    if (performance.now() > endMs) assert.fail(`not within 5 s: ${what}`);
    await delay(20);
  }
}
