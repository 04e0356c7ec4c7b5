import { join } from 'node:path';
import type { Contract } from '@banyan/contract';
import { isServiceError, ServiceError, sleep } from '@banyan/core';
import type { Destination } from '@banyan/discovery';
import { createPartProbes, type Endpoint, type ProbeServer } from '@banyan/rpc';
import type { Tracer } from '@banyan/telemetry';
import { createPolicyPoint, noPolicies, type PolicyPoint } from './access/policy-point.ts';
import { Endpoints } from './endpoints.ts';
import type { HostOptions } from './host-options.ts';
import { withRandomDelay } from './random-delay.ts';
import type { Service } from './service.ts';
import { type RunningService, startService } from './service-runner.ts';
import { createServiceSlot, type ServiceSlot } from './service-slot.ts';
import { settledWithin } from './settled-within.ts';
import { createSlowdown, type Slowdown } from './slowdown.ts';
import { type PartHealth, type RunningEdge, servicesOf } from './system.ts';

/** A process's share of a system. */
export interface Host {
  /**
   * Starts every part at once, in no order, and resolves when all are ready. A part whose database is not there yet is tried again.
   * @throws the first error that trying again cannot mend; everything is stopped then
   * @throws TypeError after `stop`: a host starts once
   */
  start(): Promise<{ readonly publicUrl: string | undefined }>;
  /** Stops the edge, then the services: what was accepted is finished, within `timeoutMs` each. Idempotent; never rejects. */
  stop(timeoutMs?: number): Promise<void>;
  /**
   * Replaces a running service by a new definition of it, once the start or reload that is under way is over; of several that wait the last one counts.
   * Calls wait meanwhile. @throws what the new one's start throws; calls go on waiting
   */
  reload(service: Service): Promise<void>;
  /**
   * Holds up each call to a service that runs here, as if it were overloaded, so that a developer sees how its callers bear it. Events are not held up.
   * Ends when the service is started again. Calls that are held up go on at once when it changes or ends.
   * @param delayMs 0 ends it
   * @throws TypeError outside of development, or if the service does not run here
   */
  slow(service: string, delayMs: number): void;
  /** Of the services that are slowed now. */
  delaysMs(): ReadonlyMap<string, number>;
  health(): Promise<readonly PartHealth[]>;
  /**
   * The service that keeps the contract of that name, as `caller` sees it: in this process, or through the registry.
   * @param to which of its instances; default: those that are compatible with the version that the caller uses
   */
  endpoint(contractName: string, caller: string, to?: Destination): Endpoint;
}

/** No I/O until `start`. */
export function createHost(options: HostOptions): Host {
  return new ProcessHost(options);
}

const firstBackoffMs = 100;
const maxBackoffMs = 5_000;
const policyWaitMs = 5_000;

class ProcessHost implements Host {
  readonly #options: HostOptions;
  readonly #services = new Map<string, Service>();
  readonly #hosted: readonly Service[];
  readonly #slots = new Map<string, ServiceSlot>();
  /** Where calls to the slots come in. */
  readonly #entrances = new Map<string, Endpoint>();
  readonly #slowdowns = new Map<string, Slowdown>();
  readonly #running = new Map<string, RunningService>();
  /** The definitions of what runs. */
  readonly #startedFrom = new Map<string, Service>();
  readonly #lastChanges = new Map<string, Promise<void>>();
  readonly #tracers = new Map<string, Tracer | undefined>();
  readonly #endpoints: Endpoints;
  readonly #policies: PolicyPoint;
  readonly #stopping = new AbortController();
  #edge: RunningEdge | undefined;
  #edgeProbes: ProbeServer | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: HostOptions) {
    this.#options = options;
    for (const service of servicesOf(options.system, options.development))
      this.#services.set(service.name, service);
    this.#hosted = [...this.#services.values()].filter((service) => options.parts.includes(service.name));
    for (const { name, contract } of this.#hosted) {
      const slot = createServiceSlot(contract);
      this.#slots.set(name, slot);
      // Before the slot: a call that is delayed behind it would miss that the service is being replaced.
      this.#entrances.set(name, options.harsh ? withRandomDelay(slot, options.clock) : slot);
      this.#slowdowns.set(name, createSlowdown(options.clock));
    }
    this.#endpoints = new Endpoints({
      ...options,
      services: this.#services,
      hosted: this.#entrances,
      isUp: (name) => this.#running.has(name),
      tracerOf: (name) => this.#tracerOf(name),
    });
    this.#policies = createPolicyPoint({
      documents: options.engines.documents,
      contracts: this.#contractsForPolicies(),
      declared: options.system.policies ?? noPolicies,
      logger: options.logger,
      metrics: options.metrics,
    });
  }

  /** All versions of what runs here: a rule may speak of an operation that only another one has. */
  #contractsForPolicies(): readonly Contract[] {
    const names = new Set(this.#hosted.map(({ contract }) => contract.name));
    return [...this.#services.values()].map(({ contract }) => contract).filter(({ name }) => names.has(name));
  }

  async start(): Promise<{ readonly publicUrl: string | undefined }> {
    if (this.#stopped !== undefined) throw new TypeError('A host starts once: create another one.');
    try {
      const [publicUrl] = await Promise.all([
        this.#startEdge(),
        ...this.#hosted.map(({ name }) => this.#inTurn(name, () => this.#startUntilReady(name))),
      ]);
      return { publicUrl };
    } catch (error) {
      await this.stop(2_000);
      throw error;
    }
  }

  stop(timeoutMs = 8_000): Promise<void> {
    this.#stopped ??= this.#stop(timeoutMs);
    return this.#stopped;
  }

  async reload(service: Service): Promise<void> {
    const { name } = service;
    if (!this.#slots.has(name)) return;
    this.#services.set(name, service);
    await this.#inTurn(name, () => this.#replace(name));
  }

  slow(service: string, delayMs: number): void {
    if (!this.#options.development) throw new TypeError('Services are slowed in development alone.');
    this.#slowdownOf(service).set(delayMs);
  }

  delaysMs(): ReadonlyMap<string, number> {
    const delays = [...this.#slowdowns].map(([name, { delayMs }]) => [name, delayMs] as const);
    return new Map(delays.filter(([, delayMs]) => delayMs > 0));
  }

  async health(): Promise<readonly PartHealth[]> {
    return Promise.all([...this.#services.keys()].map((name) => this.#healthOf(name)));
  }

  endpoint(contractName: string, caller: string, to: Destination = {}): Endpoint {
    return this.#endpoints.find(contractName, caller, to);
  }

  async #stop(timeoutMs: number): Promise<void> {
    this.#stopping.abort();
    for (const slowdown of this.#slowdowns.values()) slowdown.set(0);
    await this.#edge?.stop({ timeoutMs });
    this.#edgeProbes?.stop();
    const running = [...this.#running.values()];
    await Promise.all(running.map((each) => each.stopConsuming(timeoutMs)));
    await Promise.all(running.map((each) => each.stop(timeoutMs)));
    for (const slot of this.#slots.values()) slot.close();
    // What is being started stops by itself when it is ready; whoever waits for this closes what it stands on.
    await settledWithin(timeoutMs, Promise.all(this.#lastChanges.values()), this.#options.clock);
    this.#policies.close();
    this.#endpoints.close();
    for (const part of this.#options.parts) this.#options.onChange?.({ part, state: 'stopped' });
  }

  /** A start and a reload at once would both start the service, and only the later one would ever be stopped. */
  #inTurn(name: string, change: () => Promise<void>): Promise<void> {
    const turn = (this.#lastChanges.get(name) ?? Promise.resolve()).then(change);
    this.#lastChanges.set(
      name,
      turn.catch(() => {}),
    );
    return turn;
  }

  async #replace(name: string): Promise<void> {
    // The change before this one has taken the newest definition already.
    if (this.#running.has(name) && this.#startedFrom.get(name) === this.#services.get(name)) return;
    this.#slots.get(name)?.empty();
    this.#slowdownOf(name).set(0);
    await this.#running.get(name)?.stop(8_000);
    this.#running.delete(name);
    if (!this.#stopping.signal.aborted) await this.#startOnce(name);
  }

  async #startUntilReady(name: string): Promise<void> {
    const { clock, logger } = this.#options;
    for (let backoffMs = firstBackoffMs; ; backoffMs = Math.min(backoffMs * 2, maxBackoffMs)) {
      try {
        await this.#startOnce(name);
        return;
      } catch (error) {
        if (!isServiceError(error) || error.code !== 'unavailable' || this.#stopping.signal.aborted)
          throw error;
        logger.warn(`${name} cannot start yet`, { error, retryInMs: backoffMs });
        await sleep(backoffMs, clock, this.#stopping.signal);
      }
    }
  }

  /** By its newest definition. */
  async #startOnce(name: string): Promise<void> {
    const service = this.#services.get(name);
    if (service === undefined) return;
    this.#options.onChange?.({ part: name, state: 'starting' });
    try {
      await this.#awaitPolicies();
      if (this.#stopping.signal.aborted) return;
      const running = await startService(service, this.#surroundingsOf(service));
      if (this.#stopping.signal.aborted) {
        await running.stop(2_000);
        return;
      }
      this.#running.set(name, running);
      this.#startedFrom.set(name, service);
      this.#slots.get(name)?.fill(running.endpoint);
      this.#options.onChange?.({ part: name, state: 'ready', url: running.url });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.onChange?.({ part: name, state: 'waiting', reason });
      throw ofService(name, error);
    }
  }

  /** So that the first calls are decided. If they cannot be loaded, calls are refused until they are. */
  async #awaitPolicies(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stopping;
    await Promise.race([this.#policies.ready(), sleep(policyWaitMs, clock, signal)]).catch(() => undefined);
  }

  #surroundingsOf(service: Service): Parameters<typeof startService>[1] {
    const {
      engines,
      clock,
      logger,
      metrics,
      configuration,
      tokensOf,
      certificatesOf,
      development,
      harsh,
      instance,
      callbacks,
    } = this.#options;
    const { name, contract } = service;
    return {
      engines,
      // Callers know it by its contract.
      tokens: tokensOf(contract.name),
      certificates: certificatesOf?.(contract.name),
      endpoint: (contractName, version) =>
        this.endpoint(
          contractName,
          name,
          version === undefined
            ? {}
            : { version: this.#endpoints.compatibleWith({ name: contractName, version }) },
        ),
      callers: this.#callersOf(contract.name),
      policies: this.#policies,
      config: configuration.get(name),
      dataFolder: join(this.#options.dataFolder, name),
      host: this.#options.internalHost,
      port: this.#options.internalPort ?? 0,
      advertised: this.#options.advertised,
      probePort: this.#options.probePort,
      instance: `${name}-${instance}`,
      zone: this.#options.zone,
      label: this.#options.label,
      copy: development,
      slowdown: this.#slowdownOf(name),
      deliverTwice: harsh,
      callbacks: callbacks ?? [],
      clock,
      logger: logger.with({ service: name }),
      metrics,
      tracer: this.#tracerOf(name),
    };
  }

  #slowdownOf(name: string): Slowdown {
    const slowdown = this.#slowdowns.get(name);
    if (slowdown === undefined) throw new TypeError(`service '${name}' does not run here`);
    return slowdown;
  }

  #tracerOf(name: string): Tracer | undefined {
    if (!this.#tracers.has(name)) {
      const version = this.#services.get(name)?.contract.version;
      const service = version === undefined ? { name } : { name, version };
      this.#tracers.set(name, this.#options.telemetry?.tracer(service));
    }
    return this.#tracers.get(name);
  }

  /** Whoever names the service in `uses`; nobody else gets in, from this process or another. */
  #callersOf(name: string): ReadonlySet<string> {
    const names = [...this.#services.values()]
      .filter((other) => Object.values(other.uses).some((used) => used.name === name))
      .map((other) => other.name);
    if (this.#options.system.gateway?.uses.some((used) => used.name === name)) names.push('gateway');
    return new Set(names);
  }

  async #startEdge(): Promise<string | undefined> {
    const { system, parts, publicHost, publicPort, development, edgeState, clock, logger } = this.#options;
    if (system.gateway === undefined || !parts.includes('gateway')) return undefined;
    this.#options.onChange?.({ part: 'gateway', state: 'starting' });
    this.#edge = system.gateway.create({
      systemName: system.name,
      endpoint: (contractName, to) => this.endpoint(contractName, 'gateway', to),
      isRunning: (contractName, to) => this.#endpoints.isRunning(contractName, to),
      health: () => this.health(),
      host: publicHost,
      port: publicPort,
      development,
      log: this.#options.engines.log,
      documents: this.#options.engines.documents,
      policies: this.#policies,
      ...(edgeState === undefined ? undefined : { state: edgeState }),
      clock,
      logger: logger.with({ service: 'gateway' }),
      metrics: this.#options.metrics,
      tracer: this.#tracerOf('gateway'),
      ...(this.#options.publicTls === undefined ? undefined : { tls: this.#options.publicTls }),
    });
    const { url } = await this.#edge.start();
    await this.#startEdgeProbes();
    this.#options.onChange?.({ part: 'gateway', state: 'ready', url });
    return url;
  }

  /** A gateway alone has no internal port that would show them. */
  async #startEdgeProbes(): Promise<void> {
    const { probePort, internalHost: host, metrics } = this.#options;
    if (probePort === undefined || this.#hosted.length > 0) return;
    const isReady = async () => {
      const missing = (await this.health()).filter(({ ready }) => !ready);
      const reason = missing.map(({ part }) => part).join(', ');
      return { part: 'gateway', ready: missing.length === 0, ...(reason === '' ? undefined : { reason }) };
    };
    const probes = createPartProbes(
      { service: 'gateway', metrics, health: isReady },
      { host, port: probePort },
    );
    await probes.start();
    this.#edgeProbes = probes;
  }

  async #healthOf(name: string): Promise<PartHealth> {
    if (this.#slots.has(name)) {
      const running = this.#running.get(name);
      return running === undefined
        ? { part: name, ready: false, reason: 'it is starting' }
        : running.health();
    }
    const isListed = this.#endpoints.isListed(this.#services.get(name)?.contract ?? { name, version: '' });
    return isListed
      ? { part: name, ready: true }
      : { part: name, ready: false, reason: 'no instance is running' };
  }
}

/** A migration or a port that fails belongs to one of many services: say which. */
function ofService(name: string, error: unknown): unknown {
  if (!isServiceError(error)) return error;
  const { code, reason, status, details } = error;
  return new ServiceError(`${name}: ${error.message}`, { code, reason, status, details, cause: error });
}
