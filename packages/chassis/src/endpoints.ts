import type { Contract } from '@banyan/contract';
import { admits, type Destination, destinationText, type ServiceWatch } from '@banyan/discovery';
import { createRemoteEndpoint, type Endpoint, type RemoteEndpoint } from '@banyan/rpc';
import type { Tracer } from '@banyan/telemetry';
import type { HostOptions, OpenCircuit } from './host-options.ts';
import type { Service } from './service.ts';
import { compatibleWith, contractKeeperFor, keeperFor, keepersOf } from './versions.ts';

export interface EndpointsOptions
  extends Pick<
    HostOptions,
    | 'system'
    | 'engines'
    | 'tokensOf'
    | 'certificatesOf'
    | 'zone'
    | 'label'
    | 'clock'
    | 'logger'
    | 'metrics'
    | 'onCircuits'
  > {
  /** All of the system, by name; a reload replaces one. */
  readonly services: ReadonlyMap<string, Service>;
  /** Those of this process, by the name of the service. */
  readonly hosted: ReadonlyMap<string, Endpoint>;
  /** Whether one of `hosted` has started and not ended. */
  readonly isUp: (service: string) => boolean;
  readonly tracerOf: (service: string) => Tracer | undefined;
}

/** Whom calls of this process reach: services in it, and through the registry all the others. */
export class Endpoints {
  readonly #options: EndpointsOptions;
  readonly #remotes = new Map<string, RemoteEndpoint>();
  readonly #circuits = new Map<string, OpenCircuit>();
  readonly #watches = new Map<string, ServiceWatch>();

  constructor(options: EndpointsOptions) {
    this.#options = options;
  }

  /** See `Host.endpoint`. */
  find(contractName: string, caller: string, to: Destination): Endpoint {
    const version = to.version ?? this.#versionFor(caller, contractName);
    const wanted = version === undefined ? to : { ...to, version };
    return this.#hosted(contractName, wanted) ?? this.#remote(contractName, caller, wanted);
  }

  /** What a caller that uses this version is sent to; see `compatibleWith`. */
  compatibleWith({ name, version }: Pick<Contract, 'name' | 'version'>): string {
    return compatibleWith(this.#keepersOf(name), version);
  }

  /** True if the registry lists an instance of the service: of its version, where several keep one contract. */
  isListed({ name, version }: Pick<Contract, 'name' | 'version'>): boolean {
    const isAlone = this.#keepersOf(name).length === 1;
    return this.#watch(name)
      .instances()
      .some((instance) => isAlone || instance.version === version);
  }

  /** See `EdgeOptions.isRunning`. */
  async isRunning(contractName: string, to: Destination): Promise<boolean> {
    const keeper = this.#hostedKeeper(contractName, to);
    if (keeper !== undefined && this.#options.isUp(keeper.name)) return true;
    const watch = this.#watch(contractName);
    await watch.ready();
    return watch.instances().some((instance) => admits(to, instance));
  }

  close(): void {
    for (const remote of this.#remotes.values()) remote.close();
    for (const watch of this.#watches.values()) watch.close();
  }

  #keepersOf(contractName: string): readonly Service[] {
    return keepersOf(this.#options.services.values(), contractName);
  }

  #versionFor(caller: string, contractName: string): string | undefined {
    const { system, services } = this.#options;
    const uses =
      caller === 'gateway' ? (system.gateway?.uses ?? []) : Object.values(services.get(caller)?.uses ?? {});
    const used = uses.find(({ name }) => name === contractName);
    return used && this.compatibleWith(used);
  }

  #hosted(contractName: string, to: Destination): Endpoint | undefined {
    const keeper = this.#hostedKeeper(contractName, to);
    return keeper && this.#options.hosted.get(keeper.name);
  }

  #hostedKeeper(contractName: string, to: Destination): Service | undefined {
    const { label, hosted } = this.#options;
    if (to.label !== undefined && to.label !== label) return undefined;
    return keeperFor(
      this.#keepersOf(contractName).filter(({ name }) => hosted.has(name)),
      to,
    );
  }

  #remote(contractName: string, caller: string, to: Destination): Endpoint {
    const key = `${caller} ${contractName} ${destinationText(to)}`;
    const known = this.#remotes.get(key);
    if (known !== undefined) return known;
    const { clock, logger, metrics, tokensOf, certificatesOf, zone, tracerOf, onCircuits } = this.#options;
    const remote = createRemoteEndpoint({
      contract: this.#contract(contractName, to),
      watch: this.#watch(contractName),
      zone,
      admits: (instance) => admits(to, instance),
      tokens: tokensOf(caller),
      ...(certificatesOf === undefined ? undefined : { certificates: certificatesOf(caller) }),
      clock,
      logger: logger.with({ service: caller }),
      metrics,
      tracer: tracerOf(caller),
      onCircuit: (state) => {
        if (state === 'closed') this.#circuits.delete(key);
        else this.#circuits.set(key, { from: caller, ...this.#calledBy(contractName, to), state });
        onCircuits?.([...this.#circuits.values()]);
      },
    });
    this.#remotes.set(key, remote);
    return remote;
  }

  #calledBy(contractName: string, to: Destination): Pick<OpenCircuit, 'to' | 'version'> {
    const keeper = keeperFor(this.#keepersOf(contractName), to)?.name ?? contractName;
    return { to: keeper, ...(to.version === undefined ? undefined : { version: to.version }) };
  }

  #contract(name: string, to: Destination): Contract {
    const contract = contractKeeperFor(this.#keepersOf(name), to)?.contract;
    if (contract === undefined) throw new TypeError(`no service of the system keeps contract '${name}'`);
    return contract;
  }

  #watch(name: string): ServiceWatch {
    let watch = this.#watches.get(name);
    if (watch === undefined) {
      watch = this.#options.engines.registry.watch(name);
      this.#watches.set(name, watch);
    }
    return watch;
  }
}
