import type { Contract } from './contract.ts';
import { createDocumentSchemas, type DocumentSchemas } from './document-schemas.ts';
import type { EventType } from './event.ts';
import { toJsonSchema } from './json-schema.ts';
import { given, toWords } from './open-api.ts';

export interface AsyncApiOptions {
  readonly title: string;
  readonly version: string;
  readonly description?: string;
  readonly contracts: readonly Contract[];
}

/** A document of AsyncAPI 3.0 (https://www.asyncapi.com/docs/reference/specification/v3.0.0): a JSON value. */
export type AsyncApiDocument = Readonly<Record<string, unknown>>;

/** Describes events for tools: one channel per event, `service.event`, which carries CloudEvents 1.0. */
export function toAsyncApi({ title, version, description, contracts }: AsyncApiOptions): AsyncApiDocument {
  const schemas = createDocumentSchemas();
  const channels: Record<string, object> = {};
  const operations: Record<string, object> = {};
  const messages: Record<string, object> = {};
  for (const contract of contracts) {
    for (const [name, event] of Object.entries(contract.events)) {
      const id = `${contract.name}.${name}`;
      messages[id] = messageOf(event, schemas);
      channels[id] = {
        address: id,
        ...given({ description: event.description }),
        messages: { [event.type]: { $ref: `#/components/messages/${id}` } },
      };
      operations[`${id}.publish`] = {
        action: 'send',
        channel: { $ref: `#/channels/${id}` },
        summary: `${contract.name} tells that it has happened.`,
        messages: [{ $ref: `#/channels/${id}/messages/${event.type}` }],
      };
    }
  }
  return {
    asyncapi: '3.0.0',
    info: { title, version, ...given({ description }) },
    defaultContentType: 'application/cloudevents+json',
    channels,
    operations,
    components: { messages, schemas: schemas.components },
  };
}

function messageOf(event: EventType, schemas: DocumentSchemas): object {
  const data = schemas.add(toJsonSchema(event.data, 'output'), {
    service: event.service,
    name: `${event.name}.data`,
  });
  return {
    name: event.type,
    title: toWords(event.type),
    ...given({ summary: event.description }),
    contentType: 'application/cloudevents+json',
    payload: {
      type: 'object',
      required: [
        'specversion',
        'id',
        'source',
        'type',
        'subject',
        'time',
        'datacontenttype',
        'banyanname',
        'data',
      ],
      properties: {
        ...envelope,
        source: { type: 'string', const: `/services/${event.service}` },
        type: { type: 'string', const: event.type },
        subject: {
          type: 'string',
          description: `The value of \`${event.key}\`; events with equal subjects arrive in order.`,
        },
        banyanname: { type: 'string', const: `${event.service}.${event.name}` },
        data,
      },
    },
  };
}

const text = (description: string) => ({ type: 'string', description });

/** Attributes that are the same for every event: CloudEvents 1.0 and the platform's extensions. */
const envelope = {
  specversion: { type: 'string', const: '1.0' },
  id: { type: 'string', format: 'uuid', description: 'The same event delivered again has the same id.' },
  time: { type: 'string', format: 'date-time' },
  datacontenttype: { type: 'string', const: 'application/json' },
  traceparent: text('W3C trace context of the change.'),
  banyancaller: text('The service whose call caused it.'),
  banyanuser: text('The end user on whose behalf it happened.'),
  banyanscopes: text("That user's scopes, separated by spaces."),
  causationid: text('Id of the event whose handling caused this one.'),
  correlationid: text('Id of the first event of the chain.'),
};
