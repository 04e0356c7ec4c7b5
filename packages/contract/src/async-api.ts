import { alarmMessage, answerMessage, eventMessage, requestMessage } from './async-api-messages.ts';
import type { Contract } from './contract.ts';
import { createDocumentSchemas, type DocumentSchemas } from './document-schemas.ts';
import type { EventType } from './event.ts';
import type { MessageType } from './message.ts';
import { given } from './open-api.ts';
import { platformEvents } from './platform-events.ts';
import { replySchemaOf, replyTypeOf } from './reply-type.ts';

export interface AsyncApiOptions {
  readonly title: string;
  readonly version: string;
  readonly description?: string;
  readonly contracts: readonly Contract[];
}

/** A document of AsyncAPI 3.0 (https://www.asyncapi.com/docs/reference/specification/v3.0.0): a JSON value. */
export type AsyncApiDocument = Readonly<Record<string, unknown>>;

/**
 * Describes events and messages for tools. One channel for each event, `service.event`, which the service sends to; one for each message,
 * `@service.message`, which it receives from and answers to the sender's own reply channel; one for what the platform tells of every service. All carry
 * CloudEvents 1.0.
 */
export function toAsyncApi({ title, version, description, contracts }: AsyncApiOptions): AsyncApiDocument {
  const schemas = createDocumentSchemas();
  const parts: Parts = { channels: {}, operations: {}, messages: {} };
  for (const contract of contracts) {
    for (const event of Object.values(contract.events)) {
      const id = `${contract.name}.${event.name}`;
      parts.messages[id] = eventMessage(event, schemas);
      addReply(parts, { id, type: event, message: answerMessage(event, schemas) });
      addEvent(parts, id, event);
    }
    for (const message of Object.values(contract.messages)) {
      const id = `${contract.name}.${message.name}`;
      parts.messages[`${id}.message`] = requestMessage(message, schemas);
      addReply(parts, { id: `@${id}`, type: message, message: answerMessage(message, schemas) });
      addMessage(parts, id, message);
    }
  }
  if (contracts.length > 0) addAlarm(parts, schemas, contracts);
  const { channels, operations, messages } = parts;
  return {
    asyncapi: '3.0.0',
    info: { title, version, ...given({ description }) },
    defaultContentType: 'application/cloudevents+json',
    channels,
    operations,
    components: { messages, schemas: schemas.components },
  };
}

interface Parts {
  readonly channels: Record<string, object>;
  readonly operations: Record<string, object>;
  readonly messages: Record<string, object>;
}

function addEvent({ channels, operations }: Parts, id: string, event: EventType): void {
  channels[id] = {
    address: id,
    ...given({ description: event.description }),
    messages: { [event.type]: { $ref: `#/components/messages/${id}` } },
  };
  operations[`${id}.publish`] = {
    action: 'send',
    channel: { $ref: `#/channels/${id}` },
    summary: `${event.service} tells that it has happened.`,
    messages: [{ $ref: `#/channels/${id}/messages/${event.type}` }],
    ...replyOf(id, event),
  };
}

/** One channel for all services: a copy for each would drown what their contracts say. */
function addAlarm(parts: Parts, schemas: DocumentSchemas, contracts: readonly Contract[]): void {
  const alarm = platformEvents('{service}').banyanAlarm;
  const id = 'banyanAlarm';
  parts.messages[id] = alarmMessage(alarm, schemas);
  parts.channels[id] = {
    address: `{service}.${alarm.name}`,
    ...given({ description: alarm.description }),
    parameters: { service: { description: 'Whom it is about.', enum: contracts.map(({ name }) => name) } },
    messages: { [alarm.type]: { $ref: `#/components/messages/${id}` } },
  };
  parts.operations[`${id}.publish`] = {
    action: 'send',
    channel: { $ref: `#/channels/${id}` },
    summary: 'The platform tells how the events of a service stand.',
    messages: [{ $ref: `#/channels/${id}/messages/${alarm.type}` }],
  };
}

function addMessage({ channels, operations }: Parts, id: string, message: MessageType): void {
  const channel = `@${id}`;
  channels[channel] = {
    address: channel,
    ...given({ description: message.description }),
    messages: { [message.type]: { $ref: `#/components/messages/${id}.message` } },
  };
  operations[`${id}.receive`] = {
    action: 'receive',
    channel: { $ref: `#/channels/${channel}` },
    summary: `${message.service} does it, once for each message.`,
    messages: [{ $ref: `#/channels/${channel}/messages/${message.type}` }],
    ...replyOf(channel, message),
  };
}

interface Reply {
  /** Of the channel that is answered. */
  readonly id: string;
  readonly type: EventType | MessageType;
  /** Undefined if nothing comes back. */
  readonly message: object | undefined;
}

/** The reply channel belongs to whoever asked, so it has no address of its own in a document about who is asked. */
function addReply({ channels, messages }: Parts, { id, type, message }: Reply): void {
  if (message === undefined) return;
  const name = replyTypeOf(type);
  const key = `${type.service}.${name}`;
  messages[key] = message;
  channels[`${id}.replies`] = {
    address: null,
    description: 'The reply channel of the service that asked: `@<service>.replies`.',
    messages: { [name]: { $ref: `#/components/messages/${key}` } },
  };
}

function replyOf(id: string, type: EventType | MessageType): object {
  if (replySchemaOf(type) === undefined) return {};
  const channel = `#/channels/${id}.replies`;
  return {
    reply: {
      address: {
        location: '$message.payload#/banyanreplyto',
        description: 'The service that asked; its reply channel is `@<service>.replies`.',
      },
      channel: { $ref: channel },
      messages: [{ $ref: `${channel}/messages/${replyTypeOf(type)}` }],
    },
  };
}
