import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { Instance } from '../instance.ts';
import type { Registry } from '../registry.ts';
import type { RegistryHarness, RegistrySuiteOptions } from './harness.ts';

/** The harness of the test that runs now, and waiting on whichever clock it has. */
export class Bench {
  readonly #options: RegistrySuiteOptions;
  #harness: RegistryHarness | undefined;
  #handles: Registry[] = [];

  constructor(options: RegistrySuiteOptions) {
    this.#options = options;
  }

  get harness(): RegistryHarness {
    assert.ok(this.#harness, 'the harness is created before each test');
    return this.#harness;
  }

  async start(): Promise<void> {
    this.#harness = await this.#options.create();
  }

  async stop(): Promise<void> {
    await this.harness.setReachable?.(true);
    for (const handle of this.#handles.splice(0)) await handle.close();
    await this.harness.close();
  }

  async open(): Promise<Registry> {
    const handle = await this.harness.open();
    this.#handles.push(handle);
    return handle;
  }

  async crash(registry: Registry): Promise<void> {
    assert.ok(this.harness.crash, 'a registry with leases needs a harness with `crash`');
    this.#handles = this.#handles.filter((handle) => handle !== registry);
    await this.harness.crash(registry);
  }

  async setReachable(reachable: boolean): Promise<void> {
    assert.ok(this.harness.setReachable, 'a registry with outages needs a harness with `setReachable`');
    await this.harness.setReachable(reachable);
  }

  async pass(durationMs: number): Promise<void> {
    if (this.harness.advance === undefined) await delay(durationMs);
    else await this.harness.advance(durationMs);
  }

  /** Waits until `condition` holds; fails, with `what` in the text, if it takes longer than a change may. */
  async until(what: string, condition: () => boolean | Promise<boolean>, extraMs = 0): Promise<void> {
    const limitMs = (this.#options.propagationMs ?? 2_000) + extraMs;
    for (let passedMs = 0; passedMs <= limitMs; passedMs += 20) {
      if (await condition()) return;
      await this.pass(20);
    }
    assert.fail(`not within ${limitMs} ms: ${what}`);
  }
}

let serial = 0;

export function instanceOf(service: string, overrides: Partial<Instance> = {}): Instance {
  serial += 1;
  return {
    id: `instance-${process.pid}-${serial}`,
    service,
    url: `http://127.0.0.1:${1024 + serial}`,
    version: '1.2.0',
    startedAt: new Date(Date.UTC(2026, 0, 1) + serial * 1000).toISOString(),
    ...overrides,
  };
}

export const idsOf = (instances: readonly Instance[]) => instances.map((instance) => instance.id);

export async function listedIds(registry: Registry): Promise<readonly string[]> {
  return (await registry.list()).map((status) => status.instance.id);
}
