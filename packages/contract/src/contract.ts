import { checkContract } from './check-contract.ts';
import type { EventType } from './event.ts';
import type { MessageType } from './message.ts';
import type { Metric } from './metric.ts';
import type { Operation } from './operation.ts';

export type Operations = Readonly<Record<string, Operation>>;
export type Events = Readonly<Record<string, EventType>>;
export type Messages = Readonly<Record<string, MessageType>>;
export type Metrics = Readonly<Record<string, Metric>>;

/** What a service promises: its operations, events, messages and metrics, under one name and one semantic version. */
export interface Contract<
  Name extends string = string,
  Ops extends Operations = Operations,
  Evs extends Events = Events,
  Msgs extends Messages = Messages,
  Mets extends Metrics = Metrics,
> {
  readonly kind: 'contract';
  /** kebab-case identifier, unique in the system. */
  readonly name: Name;
  /** Semantic version (semver.org). */
  readonly version: string;
  readonly description: string | undefined;
  readonly operations: Ops;
  readonly events: Evs;
  /** What the service can be told, by senders that name it. */
  readonly messages: Msgs;
  /** What it counts and measures about the business, for dashboards and alerts that rely on it. */
  readonly metrics: Mets;
}

export interface ContractOptions<
  Ops extends Operations,
  Evs extends Events,
  Msgs extends Messages,
  Mets extends Metrics,
> {
  readonly version: string;
  readonly description?: string;
  readonly operations: Ops;
  readonly events?: Evs;
  readonly messages?: Msgs;
  readonly metrics?: Mets;
}

/**
 * Declares a contract. It is a plain value without behaviour: callers, the gateway, documents and tests all read it.
 * @throws TypeError, with the fix in the text, on a duplicate route, an unknown path name, a bad version …
 */
export function contract<
  const Name extends string,
  Ops extends Operations,
  // biome-ignore lint/complexity/noBannedTypes: `{}` is the empty record of events.
  Evs extends Events = {},
  // biome-ignore lint/complexity/noBannedTypes: `{}` is the empty record of messages.
  Msgs extends Messages = {},
  // biome-ignore lint/complexity/noBannedTypes: `{}` is the empty record of metrics.
  Mets extends Metrics = {},
>(name: Name, options: ContractOptions<Ops, Evs, Msgs, Mets>): Contract<Name, Ops, Evs, Msgs, Mets> {
  const adopt = <Part extends object>(parts: Readonly<Record<string, Part>>) =>
    Object.fromEntries(
      Object.entries(parts).map(([key, part]) => [key, { ...part, service: name, name: key }]),
    );
  checkContract({
    kind: 'contract',
    name,
    version: options.version,
    description: options.description,
    operations: options.operations,
    events: options.events ?? {},
    messages: options.messages ?? {},
    metrics: options.metrics ?? {},
  });
  return {
    kind: 'contract',
    name,
    version: options.version,
    description: options.description,
    operations: adopt(options.operations) as unknown as Ops,
    events: adopt(options.events ?? {}) as unknown as Evs,
    messages: adopt(options.messages ?? {}) as unknown as Msgs,
    metrics: adopt(options.metrics ?? {}) as unknown as Mets,
  };
}
