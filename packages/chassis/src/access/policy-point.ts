import { createDocumentView, type DocumentView, type RuntimeDocuments } from '@banyan/config';
import type { Contract } from '@banyan/contract';
import { type Logger, ServiceError } from '@banyan/core';
import {
  type AccessRequest,
  checkPolicies,
  createPolicySet,
  type Decision,
  type PolicyDocument,
  type PolicySet,
  parsePolicies,
} from '@banyan/policy';
import type { Metrics } from '@banyan/telemetry';

/** Name of the run-time document that has a system's policies. */
export const policyDocument = 'policies';

/** Where the services of one process get their decisions. */
export interface PolicyPoint {
  /** @throws ServiceError `unavailable` `policies_unavailable` while no policies have been loaded that this process can use */
  decide(request: AccessRequest): Decision;
  /** True if what `decide` says of the operation may depend on the call, or nothing is in force yet. */
  concerns(operation: string): boolean;
  /** Of the policies in force; 0 for those that the system itself declares. */
  readonly version: number;
  /** Resolves when it is known what is in force. */
  ready(): Promise<void>;
  close(): void;
}

export interface PolicyPointOptions {
  readonly documents: RuntimeDocuments;
  /** Of the services of this process, in all versions of the system: a document that does not fit them is not put in force. */
  readonly contracts: readonly Contract[];
  /** In force while nobody has set any. */
  readonly declared: PolicyDocument;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export const noPolicies: PolicyDocument = { covers: [], rules: [] };

/** @throws what `RuntimeDocuments.watch` throws */
export function createPolicyPoint(options: PolicyPointOptions): PolicyPoint {
  return new WatchingPoint(options);
}

class WatchingPoint implements PolicyPoint {
  readonly #view: DocumentView<PolicySet | undefined>;
  readonly #ready: Promise<void>;
  /** Undefined until policies were loaded: nobody gets in, because nobody knows who may. */
  #inForce: PolicySet | undefined;

  constructor({ documents, contracts, declared, logger, metrics }: PolicyPointOptions) {
    this.#view = createDocumentView<PolicySet | undefined>({
      documents,
      name: policyDocument,
      parse: (value) => {
        const document = parsePolicies(value);
        checkPolicies(document, { contracts, allowsOthers: true });
        return createPolicySet(document);
      },
      initial: undefined,
      logger,
    });
    this.#view.onChange((set) => {
      this.#inForce = set;
    });
    this.#ready = this.#view.ready().then(() => {
      // If there is a document that cannot be put in force here, what the system declares is out of date: stay closed.
      const isSet = this.#view.standing().refused !== undefined;
      this.#inForce ??= this.#view.value() ?? (isSet ? undefined : createPolicySet(declared));
    });
    // Whoever closes the documents first has no calls to decide.
    this.#ready.catch(() => undefined);
    showStanding(this.#view, metrics);
  }

  get version(): number {
    return this.#view.standing().version;
  }

  decide(request: AccessRequest): Decision {
    if (this.#inForce === undefined) throw policiesUnavailable();
    return this.#inForce.decide(request);
  }

  concerns(operation: string): boolean {
    return this.#inForce?.concerns(operation) ?? true;
  }

  ready(): Promise<void> {
    return this.#ready;
  }

  close(): void {
    this.#view.close();
  }
}

function showStanding(view: DocumentView<unknown>, metrics: Metrics): void {
  const version = metrics.gauge({
    name: 'banyan_policies_version',
    help: 'Version of the policies in force in this process; 0 for those that the system declares.',
  });
  const refused = metrics.gauge({
    name: 'banyan_policies_refused_version',
    help: 'Version of newer policies that do not fit the contracts of this process; 0 if there are none.',
  });
  metrics.onCollect(() => {
    const standing = view.standing();
    version.labels().set(standing.version);
    refused.labels().set(standing.refused?.version ?? 0);
  });
}

function policiesUnavailable(): ServiceError {
  return new ServiceError('It is not known yet who may call: the policies could not be loaded.', {
    code: 'unavailable',
    reason: 'policies_unavailable',
    notStarted: true,
  });
}
