import { type Contract, consumableEvents, dataValidator, type EventType } from '@banyan/contract';
import { parseData, receive, reply } from './receiving.ts';
import type { EventHandler, Service } from './service.ts';
import type { Subscription } from './subscriptions.ts';

interface Heard {
  readonly type: EventType;
  readonly handler?: EventHandler;
  /** A flow is followed by it. */
  readonly isSign?: boolean;
}

/** The service's consumers of events, by `service.event`: its handlers, and the flows that it watches. */
export function eventSubscriptions(service: Service): ReadonlyMap<string, Subscription> {
  return new Map([...heardBy(service)].map(([topic, heard]) => [topic, subscribe(topic, heard)]));
}

function heardBy(service: Service): ReadonlyMap<string, Heard> {
  const heard = new Map<string, Heard>();
  for (const [name, handler] of Object.entries(service.on)) {
    const [alias = '', eventName = ''] = name.split('.');
    const type = eventOf(alias === service.name ? service.contract : service.uses[alias], eventName);
    if (type !== undefined) heard.set(`${type.service}.${type.name}`, { type, handler });
  }
  const contracts = new Map(
    [service.contract, ...Object.values(service.uses)].map((each) => [each.name, each]),
  );
  for (const topic of service.flows.flatMap(({ topics }) => topics)) {
    const [owner = '', eventName = ''] = topic.split('.');
    const type = eventOf(contracts.get(owner), eventName);
    if (type !== undefined) heard.set(topic, { type, ...heard.get(topic), isSign: true });
  }
  return heard;
}

function eventOf(contract: Contract | undefined, eventName: string): EventType | undefined {
  return contract && consumableEvents(contract)[eventName];
}

function subscribe(topic: string, { type, handler, isSign = false }: Heard): Subscription {
  const validator = dataValidator(type);
  return {
    async run(context) {
      const event =
        context.handling.event.dataref === undefined ? context.handling.event : await receive(context);
      const data = parseData(event, validator);
      if (isSign) {
        const sightings = context.runtime.flows.sightingsOf(topic, data, event.time);
        if (sightings.length > 0) context.handling.outgoing.push({ sightings });
      }
      const answer = await handler?.(data, context);
      if (type.answer !== undefined && answer !== undefined) reply(context, type, answer);
    },
  };
}
