import type { EdgeOptions } from '@banyan/chassis';
import { createDocumentView, type DocumentStanding } from '@banyan/config';
import {
  noTrafficRules,
  parseTrafficRules,
  type ServiceTraffic,
  type TrafficRules,
  trafficDocument,
} from '@banyan/discovery';
import type { ExposedRoute } from '../exposure.ts';

/** The traffic rules in force at one gateway. */
export interface Traffic {
  /** Undefined if operators have said nothing about the service. */
  ruleOf(service: string): ServiceTraffic | undefined;
  /** What operators say of `service.operation`, or else the policy of the route. */
  isOn(route: ExposedRoute): boolean;
  /** What operators say of `moved` of the forwarding with this path. */
  movedOf(path: string): number | undefined;
  standing(): DocumentStanding;
  /** Resolves when the rules are known. Waits as long as they cannot be reached. @throws ServiceError `documents_closed` */
  ready(): Promise<void>;
  close(): void;
}

export function createTraffic({ documents, logger }: Pick<EdgeOptions, 'documents' | 'logger'>): Traffic {
  if (documents === undefined) return unruled;
  const view = createDocumentView<TrafficRules>({
    documents,
    name: trafficDocument,
    parse: parseTrafficRules,
    initial: noTrafficRules,
    logger,
  });
  return {
    ruleOf: (service) => ownValue(view.value().services, service),
    isOn: (route) => {
      const { contract, operation } = route;
      const said = ownValue(view.value().routes, `${contract.name}.${operation.name}`);
      return said === undefined ? isOnInitially(route) : said === 'on';
    },
    movedOf: (path) => ownValue(view.value().moved ?? {}, path),
    standing: () => view.standing(),
    ready: () => view.ready(),
    close: () => view.close(),
  };
}

const unruled: Traffic = {
  ruleOf: () => undefined,
  isOn: isOnInitially,
  movedOf: () => undefined,
  standing: () => ({ version: 0, staleMs: 0 }),
  ready: () => Promise.resolve(),
  close: () => undefined,
};

function isOnInitially({ policy: { initially = 'on' } }: ExposedRoute): boolean {
  return initially === 'on';
}

function ownValue<Value>(values: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined;
}
