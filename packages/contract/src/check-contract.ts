import { checkMetric } from './check-metric.ts';
import { camelCase, listOf, type Refuse } from './check-operation.ts';
import type { Contract, Events, Messages, Metrics } from './contract.ts';
import { metricName } from './metric.ts';
import { reservedEvents } from './platform-events.ts';

const contractName = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;
// They become names of databases and roles, which PostgreSQL cuts at 63 bytes.
const maxNameLength = 50;
// The expression that semver.org suggests.
const semanticVersion =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?$/;

/** @throws TypeError, with the fix in the text, at the first contradiction between the parts of `contract` */
export function checkContract({ name, version, operations, events, messages, metrics }: Contract): void {
  const refuse = (why: string) => new TypeError(`contract '${name}': ${why}`);
  if (!contractName.test(name) || name.length > maxNameLength) {
    throw refuse(
      `the name must be kebab-case, such as 'order-history', at most ${maxNameLength} characters.`,
    );
  }
  if (!semanticVersion.test(version)) {
    throw refuse(`the version must be a semantic version such as '1.0.0' (semver.org), not '${version}'.`);
  }
  const kinds = { operation: operations, event: events, message: messages, metric: metrics };
  for (const [kind, parts] of Object.entries(kinds)) {
    for (const [key, part] of Object.entries(parts)) {
      if (part?.kind !== kind) {
        const maker = kind === 'metric' ? 'counter(...), gauge(...) or histogram' : kind;
        throw refuse(`make '${key}' with ${maker}(...).`);
      }
      if (!camelCase.test(key))
        throw refuse(`name the ${kind} '${key}' in camelCase: letters and digits only.`);
    }
  }
  refuseTwice(
    Object.entries(operations).map(([key, { method, path }]) => [
      key,
      `${method} ${path.replace(/:[^/]+/g, ':')}`,
    ]),
    (keys) => refuse(`the operations ${keys} have the same route: change the method or the path of one.`),
  );
  checkEvents(events, refuse);
  checkMessages(messages, refuse);
  checkMetrics(name, metrics, refuse);
}

function checkEvents(events: Events, refuse: Refuse): void {
  const reserved = Object.entries(events).find((entry) =>
    [entry[0], entry[1].type].some((name) => reservedEvents.has(name)),
  );
  if (reserved !== undefined)
    throw refuse(
      `every service has the event '${reserved[0]}' from the platform already: listen to it, or rename your own.`,
    );
  refuseTwice(
    Object.entries(events).map(([key, { type }]) => [key, type]),
    (keys) => refuse(`the events ${keys} have the same type: consumers could not tell them apart.`),
  );
}

/** Where answers to a service's own requests arrive, beside the messages that others send it. */
const reservedMessages: readonly string[] = ['replies', 'callbacks'];

function checkMessages(messages: Messages, refuse: Refuse): void {
  const reserved = Object.keys(messages).find((key) => reservedMessages.includes(key));
  if (reserved !== undefined) throw refuse(`the platform uses '@${reserved}' itself: rename that message.`);
  refuseTwice(
    Object.entries(messages).map(([key, { type }]) => [key, type]),
    (keys) => refuse(`the messages ${keys} have the same type: senders could not tell their replies apart.`),
  );
}

function checkMetrics(service: string, metrics: Metrics, refuse: Refuse): void {
  const adopted = Object.entries(metrics).map(([name, metric]) => ({ ...metric, service, name }));
  for (const metric of adopted) checkMetric(metric, refuse);
  refuseTwice(
    // A counter's family is named without its ending.
    adopted.map((metric) => [metric.name, metricName({ ...metric, type: 'gauge' })]),
    (keys) => refuse(`the metrics ${keys} have the same name on the page: rename one.`),
  );
}

function refuseTwice(
  entries: readonly (readonly [key: string, identity: string])[],
  refuse: (keys: string) => TypeError,
): void {
  const first = new Map<string, string>();
  for (const [key, identity] of entries) {
    const before = first.get(identity);
    if (before !== undefined) throw refuse(listOf([before, key]));
    first.set(identity, key);
  }
}
