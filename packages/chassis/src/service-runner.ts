import type { ServiceCertificates, ServiceTokens } from '@banyan/auth';
import { type Clock, type Database, type Logger, uuidv7 } from '@banyan/core';
import { instanceLabel, type Registration, zoneLabel } from '@banyan/discovery';
import { createServiceServer, type Endpoint, type ServiceServer } from '@banyan/rpc';
import type { Metrics, Tracer } from '@banyan/telemetry';
import { createAccessGuard } from './access/access-guard.ts';
import { createDenialLog, type DenialLog } from './access/denial-log.ts';
import type { PolicyPoint } from './access/policy-point.ts';
import { type AdvertisedAddress, toAdvertised } from './advertised-address.ts';
import { AuditTrail } from './audit-trail.ts';
import { type Background, startBackground } from './background.ts';
import { createCallbacks } from './callback.ts';
import { createClients } from './clients.ts';
import type { Engines, ServiceStore } from './engines.ts';
import { type EventFlow, startEventFlow } from './event-flow.ts';
import type { ServiceRuntime } from './handler-context.ts';
import { hasDatabase, noDatabase } from './has-database.ts';
import { createMessageDirectory } from './message-directory.ts';
import { createMessageMetrics } from './message-metrics.ts';
import { createReaderWatch, type ReaderWatch } from './reader-watch.ts';
import { createRequestDesk } from './request-desk.ts';
import type { Service } from './service.ts';
import { createServiceEndpoint } from './service-endpoint.ts';
import { createServiceFlows, type ServiceFlows } from './service-flows.ts';
import { checkHealth, type HealthParts } from './service-health.ts';
import { createServiceMetrics } from './service-metrics.ts';
import { createServiceResources } from './service-resources.ts';
import { createServiceSagas, type ServiceSagas } from './service-sagas.ts';
import { createServiceSpans } from './service-spans.ts';
import type { Slowdown } from './slowdown.ts';
import { subscriptionsOf } from './subscriptions.ts';
import type { PartHealth } from './system.ts';

/** What a service gets from the process that hosts it. */
export interface Surroundings {
  readonly engines: Engines;
  readonly tokens: ServiceTokens;
  /** See `HostOptions.certificatesOf`. */
  readonly certificates: ServiceCertificates | undefined;
  /** The service that keeps the contract of that name, in a version that is compatible with the given one, wherever it runs. */
  readonly endpoint: (contractName: string, version?: string) => Endpoint;
  /** Names of the services (and `gateway`) that may call. */
  readonly callers: ReadonlySet<string>;
  readonly policies: PolicyPoint;
  readonly config: unknown;
  /** For the service's own files. */
  readonly dataFolder: string;
  /** Address for the internal port. */
  readonly host: string;
  /** 0 lets the operating system choose. */
  readonly port: number;
  /** See `HostOptions.advertised`. */
  readonly advertised: AdvertisedAddress | undefined;
  /** See `HostOptions.probePort`. */
  readonly probePort: number | undefined;
  /** Stable over restarts, different from every other running instance's. */
  readonly instance: string;
  /** See `HostOptions.zone`. */
  readonly zone: string | undefined;
  /** See `HostOptions.label`. */
  readonly label: string | undefined;
  /** Passes inputs and outputs of calls within the process through JSON, as a network would. */
  readonly copy: boolean;
  /** See `Host.slow`. */
  readonly slowdown: Slowdown;
  readonly deliverTwice: boolean;
  /** See `HostOptions.callbacks`. */
  readonly callbacks: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Of the service; undefined if nobody wants spans. */
  readonly tracer: Tracer | undefined;
}

/** One service, running in this process. */
export interface RunningService {
  readonly service: Service;
  /** Where calls within this process go. */
  readonly endpoint: Endpoint;
  /** `http://host:port` of the internal port. */
  readonly url: string;
  health(): Promise<PartHealth>;
  /** Takes no more events, ends background tasks and finishes what is in hand: the first step of a stop, while the services that handlers call still answer. */
  stopConsuming(timeoutMs: number): Promise<void>;
  /** Leaves the registry, takes nothing new, finishes what runs, closes. Idempotent; never rejects. */
  stop(timeoutMs: number): Promise<void>;
}

/**
 * Starts one service: its database and tables, its internal port, its relay and consumer, and last its entry in the registry, so that nobody
 * is sent here before it can answer.
 * @throws what opening the store or the port throws; whatever was opened is closed again
 */
export async function startService(service: Service, surroundings: Surroundings): Promise<RunningService> {
  const starting = new ServiceStart(service, surroundings);
  try {
    return await starting.run();
  } catch (error) {
    await starting.undo();
    throw error;
  }
}

interface Parts extends HealthParts {
  readonly audit: AuditTrail | undefined;
}

type Undo = (timeoutMs: number) => Promise<void>;

class ServiceStart {
  readonly #service: Service;
  readonly #around: Surroundings;
  /** How to undo each step that was done, in the order they were done. */
  readonly #undo: Undo[] = [];

  constructor(service: Service, surroundings: Surroundings) {
    this.#service = service;
    this.#around = surroundings;
  }

  async run(): Promise<RunningService> {
    const store = hasDatabase(this.#service) ? await this.#openStore() : undefined;
    const flow = store === undefined ? undefined : this.#startEventFlow(store);
    const sagas = store === undefined ? undefined : this.#createSagas(store, () => runtime);
    const readers = store === undefined ? undefined : this.#createReaderWatch(store, flow);
    const audit = store === undefined ? undefined : this.#startAudit(store);
    const flows = store === undefined ? undefined : this.#createFlows(store, flow);
    const runtime = this.#createRuntime({ store, flow, sagas, readers, flows, audit });
    const { callers, policies, copy, slowdown, clock, logger, metrics, tracer } = this.#around;
    const { name } = this.#service;
    const denials = createDenialLog({ service: name, audit, clock, logger, metrics });
    const { endpoint, drained } = createServiceEndpoint({
      service: this.#service,
      runtime,
      audit,
      // Policies and callers know every version of it by its contract.
      guard: createAccessGuard({ service: this.#service.contract.name, callers, policies }),
      denials,
      copy,
      slowdown,
      clock,
      logger,
      tracer,
    });
    this.#undo.push(drained);
    if (flow !== undefined) {
      await flow.startConsuming(runtime);
      this.#undo.push((timeoutMs) => flow.stopConsuming(timeoutMs));
    }
    if (sagas !== undefined) {
      this.#undo.push((timeoutMs) => sagas.stop(timeoutMs));
      await sagas.start();
    }
    if (flows !== undefined) {
      this.#undo.push(() => flows.stop());
      flows.start();
    }
    const health = () =>
      checkHealth(this.#service, { store, flow, sagas, readers, flows }, this.#around.config);
    const url = await this.#listen(endpoint, health, denials);
    await this.#register(url);
    const background = this.#startBackground(runtime);
    let stopped: Promise<void> | undefined;
    return {
      service: this.#service,
      endpoint,
      url,
      health,
      stopConsuming: async (timeoutMs) => {
        await Promise.all([
          flow?.stopConsuming(timeoutMs),
          background.stop(timeoutMs),
          sagas?.stop(timeoutMs),
          flows?.stop(),
        ]);
      },
      // A reload and a stop may both ask: two would undo side by side, and close the store under calls that are waited for.
      stop: (timeoutMs) => {
        stopped ??= this.undo(timeoutMs);
        return stopped;
      },
    };
  }

  /** Undoes every step, last first. A step that fails is logged and does not keep the others from being undone. */
  async undo(timeoutMs = 0): Promise<void> {
    for (let step = this.#undo.pop(); step !== undefined; step = this.#undo.pop()) {
      try {
        await step(timeoutMs);
      } catch (error) {
        this.#around.logger.warn('a part did not stop cleanly', { error });
      }
    }
  }

  async #openStore(): Promise<ServiceStore> {
    const store = await this.#around.engines.openStore(this.#service);
    this.#undo.push(() => store.close());
    return store;
  }

  #startEventFlow(store: ServiceStore): EventFlow {
    const { engines, instance, deliverTwice, clock, logger, metrics } = this.#around;
    const flow = startEventFlow({
      service: this.#service.name,
      instance,
      store,
      log: engines.log,
      subscriptions: subscriptionsOf(this.#service),
      deliverTwice,
      clock,
      logger,
      metrics,
    });
    this.#undo.push((timeoutMs) => flow.stop(timeoutMs));
    return flow;
  }

  #createSagas(store: ServiceStore, runtime: () => ServiceRuntime): ServiceSagas | undefined {
    const { name, uses } = this.#service;
    const sagas = [...this.#service.sagas, ...this.#service.durable];
    if (sagas.length === 0) return undefined;
    const { instance, endpoint, deliverTwice: rehearse, clock, logger, metrics } = this.#around;
    return createServiceSagas(
      { service: name, sagas, uses, instance, store, endpoint, rehearse, clock, logger, metrics },
      runtime,
    );
  }

  #createFlows(store: ServiceStore, events: EventFlow | undefined): ServiceFlows | undefined {
    const { name, flows } = this.#service;
    if (flows.length === 0) return undefined;
    const { clock, logger, metrics } = this.#around;
    const behindMs = async () => (await events?.status())?.consumer?.behindMs ?? 0;
    const onEmitted = () => events?.poke();
    return createServiceFlows({ service: name, flows, store, behindMs, onEmitted, clock, logger, metrics });
  }

  #startBackground(runtime: ServiceRuntime): Background {
    const { clock, logger, metrics } = this.#around;
    const { name, background: tasks } = this.#service;
    const background = startBackground({ tasks, runtime, service: name, clock, logger, metrics });
    this.#undo.push((timeoutMs) => background.stop(timeoutMs));
    return background;
  }

  #startAudit(store: ServiceStore): AuditTrail {
    const { clock, logger } = this.#around;
    const trail = new AuditTrail({ database: store.database, audited: this.#service.audited, clock, logger });
    this.#undo.push(() => trail.stop());
    trail.start();
    return trail;
  }

  #createReaderWatch(store: ServiceStore, flow: EventFlow | undefined): ReaderWatch {
    const { clock, logger, metrics } = this.#around;
    const { name: service } = this.#service;
    const onEmitted = () => flow?.poke();
    const readers = createReaderWatch({ service, store, onEmitted, clock, logger, metrics });
    this.#undo.push(async () => readers.stop());
    return readers;
  }

  #createRuntime({ store, flow, sagas, readers, flows, audit }: Parts): ServiceRuntime {
    const { contract, uses, name } = this.#service;
    const { config, dataFolder, endpoint, instance, engines, callbacks, logger, clock, metrics, tracer } =
      this.#around;
    const desk =
      store === undefined
        ? undefined
        : createRequestDesk({ instance, requests: store.requests, clock, logger }, () => runtime);
    if (desk !== undefined) this.#undo.push(async () => desk.stop());
    const resources = createServiceResources({ config, log: logger });
    this.#undo.push(() => resources.close());
    const measured = createServiceMetrics(metrics, name, contract);
    this.#undo.push(async () => measured.close());
    const runtime: ServiceRuntime = {
      contract,
      instance,
      claims: engines.claims,
      callbacks: createCallbacks({ allow: callbacks }),
      callers: this.#around.callers,
      directory: createMessageDirectory(contract, uses),
      messageMetrics: createMessageMetrics(metrics, name),
      metrics: measured,
      createCalls: createClients({ caller: name, uses, endpoint }),
      config,
      dataFolder,
      resources,
      logger,
      clock,
      spans: tracer && createServiceSpans(tracer, name),
      get database(): Database {
        if (store === undefined) throw noDatabase(name);
        return store.database;
      },
      get outbox() {
        if (store === undefined) throw noDatabase(name);
        return store.outbox;
      },
      get requests() {
        if (store === undefined) throw noDatabase(name);
        return store.requests;
      },
      get desk() {
        if (desk === undefined) throw noDatabase(name);
        return desk;
      },
      get sagas() {
        if (sagas === undefined) throw noSagas(name);
        return sagas.engine;
      },
      get audit() {
        if (audit === undefined) throw noDatabase(name);
        return audit;
      },
      get readers() {
        if (readers === undefined) throw noDatabase(name);
        return readers;
      },
      sagaDefinitions: [...this.#service.sagas, ...this.#service.durable],
      get flows() {
        if (flows === undefined) throw noFlows(name);
        return flows;
      },
      replies: store?.replies,
      onEmitted: () => flow?.poke(),
    };
    return runtime;
  }

  async #listen(endpoint: Endpoint, health: () => Promise<PartHealth>, denials: DenialLog): Promise<string> {
    const { tokens, certificates, host, port, probePort, logger, metrics } = this.#around;
    const server: ServiceServer = createServiceServer({
      endpoint,
      tokens,
      ...(certificates === undefined ? undefined : { certificates }),
      host,
      port,
      ...(probePort === undefined ? undefined : { probePort }),
      logger,
      metrics,
      health,
      onRefused: (refusal, address) => denials.refusedCaller(refusal, address),
    });
    const { url } = await server.start();
    this.#undo.push((timeoutMs) => server.stop({ timeoutMs }));
    return url;
  }

  async #register(url: string): Promise<void> {
    const { engines, clock, label, zone, advertised } = this.#around;
    const registration: Registration = await engines.registry.register({
      id: uuidv7(),
      service: this.#service.contract.name,
      url: advertised === undefined ? url : toAdvertised(url, advertised),
      version: this.#service.contract.version,
      startedAt: new Date(clock.nowMs()).toISOString(),
      metadata: {
        ...(zone === undefined ? undefined : { [zoneLabel]: zone }),
        ...(label === undefined ? undefined : { [instanceLabel]: label }),
      },
    });
    this.#undo.push(() => registration.deregister());
  }
}

function noSagas(name: string): TypeError {
  return new TypeError(`service '${name}' runs no sagas: add them to 'sagas' or 'durable' of the service.`);
}

function noFlows(name: string): TypeError {
  return new TypeError(`service '${name}' watches no flows: add them to 'flows' of the service.`);
}
