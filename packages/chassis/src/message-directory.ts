import { type Contract, type EventType, type MessageType, replyTypeOf } from '@banyan/contract';
import type { Uses } from './service-context.ts';

/** What may come back to a service, and the name it uses for what it had asked. */
export interface Asked {
  /** `stock.reserve` for a message, `orders.priceAsked` for an event. */
  readonly name: string;
  readonly type: MessageType | EventType;
}

/** The messages that one service can send, and the replies that can reach it. */
export interface MessageDirectory {
  /** By `service.message`. @throws TypeError naming what there is, for `caller`: `send('stock.reserve')` */
  message(name: string, caller: string): MessageType;
  /** What a reply of that CloudEvents type, from that service, answers. */
  asked(service: string, replyType: string): Asked | undefined;
  /** True if anything can come back to this service. */
  readonly expectsReplies: boolean;
}

export function createMessageDirectory(contract: Contract, uses: Uses): MessageDirectory {
  const messages = new Map<string, MessageType>();
  const asked = new Map<string, Asked>();
  const reachable = Object.entries({ ...uses, [contract.name]: contract });
  for (const [alias, { name: service, messages: declared }] of reachable) {
    for (const type of Object.values(declared)) {
      const name = `${alias}.${type.name}`;
      messages.set(name, type);
      if (type.reply !== undefined) asked.set(`${service} ${replyTypeOf(type)}`, { name, type });
    }
  }
  // Anybody may answer an event, so the service that does so says nothing about what was asked.
  const answers = new Map<string, Asked>();
  for (const type of Object.values(contract.events)) {
    if (type.answer === undefined) continue;
    answers.set(replyTypeOf(type), { name: `${contract.name}.${type.name}`, type });
  }
  return {
    message(name, caller) {
      const type = messages.get(name);
      if (type === undefined) {
        throw new TypeError(
          `${caller}('${name}'): service '${contract.name}' knows no such message; it has ${list(messages.keys())}. Declare it in the addressee's contract, and that contract in 'uses'.`,
        );
      }
      return type;
    },
    asked: (service, replyType) => asked.get(`${service} ${replyType}`) ?? answers.get(replyType),
    expectsReplies: asked.size > 0 || answers.size > 0,
  };
}

function list(names: Iterable<string>): string {
  return [...names].join(', ') || 'none';
}
