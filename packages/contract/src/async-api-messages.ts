import type { DocumentSchemas } from './document-schemas.ts';
import type { EventType } from './event.ts';
import { toJsonSchema } from './json-schema.ts';
import type { MessageType } from './message.ts';
import { given, toWords } from './open-api.ts';
import { replySchemaOf, replyTypeOf } from './reply-type.ts';
import type { Schema } from './standard-schema.ts';

/** An event as a message of an AsyncAPI document. */
export function eventMessage(event: EventType, schemas: DocumentSchemas): object {
  const asked = event.answer === undefined ? {} : { banyanreplyto: replyTo, banyanexpires: expires };
  return cloudEvent(event, {
    source: { type: 'string', const: `/services/${event.service}` },
    type: { type: 'string', const: event.type },
    subject: text(`The value of \`${event.key}\`; events with equal subjects arrive in order.`),
    banyanname: { type: 'string', const: `${event.service}.${event.name}` },
    ...asked,
    data: dataOf(schemas, event, { name: `${event.name}.data`, schema: event.data }),
  });
}

/** What the platform tells of any service, so the document leaves open of which. */
export function alarmMessage(alarm: EventType, schemas: DocumentSchemas): object {
  return cloudEvent(alarm, {
    source: text('The service that it is about, as `/services/<name>`.'),
    type: { type: 'string', const: alarm.type },
    subject: text(`The value of \`${alarm.key}\`; events with equal subjects arrive in order.`),
    banyanname: text(`\`<service>.${alarm.name}\`.`),
    data: dataOf(schemas, alarm, { name: `${alarm.name}.data`, schema: alarm.data }),
  });
}

/** A message to a service. Its source is the sender, so the document leaves it open. */
export function requestMessage(message: MessageType, schemas: DocumentSchemas): object {
  return cloudEvent(message, {
    source: text('The sender, as `/services/<name>`. A message without one is refused.'),
    type: { type: 'string', const: message.type },
    subject: text(
      `The value of \`${message.key}\`; messages of one sender with equal subjects arrive in order.`,
    ),
    banyanname: { type: 'string', const: `${message.service}.${message.name}` },
    banyanto: { type: 'string', const: message.service },
    banyanexpires: expires,
    ...(message.reply === undefined ? {} : { banyanreplyto: replyTo, banyansaga: ofSaga }),
    data: dataOf(schemas, message, { name: `${message.name}.message`, schema: message.data }),
  });
}

/** What comes back to whoever asked; undefined if nothing does. */
export function answerMessage(asked: EventType | MessageType, schemas: DocumentSchemas): object | undefined {
  const schema = replySchemaOf(asked);
  if (schema === undefined) return undefined;
  const kind = asked.kind === 'message' ? 'reply' : 'answer';
  const type = replyTypeOf(asked);
  return cloudEvent(
    { type, description: undefined },
    {
      source: text('The service that answers, as `/services/<name>`.'),
      type: { type: 'string', const: type },
      subject: text('As in what is answered.'),
      banyanname: text('`<service>.replies` of the service that asked.'),
      banyanto: text('The service that asked.'),
      banyanrequest: {
        type: 'string',
        format: 'uuid',
        description: 'Id of what is answered: the correlation id.',
      },
      banyansaga: ofSaga,
      data: dataOf(schemas, asked, { name: `${asked.name}.${kind}`, schema }),
    },
  );
}

function cloudEvent(
  { type, description }: { readonly type: string; readonly description: string | undefined },
  properties: Readonly<Record<string, unknown>>,
): object {
  const required = [
    'specversion',
    'id',
    'source',
    'type',
    'subject',
    'time',
    'datacontenttype',
    'banyanname',
  ];
  for (const name of ['banyanto', 'banyanrequest']) if (name in properties) required.push(name);
  return {
    name: type,
    title: toWords(type),
    ...given({ summary: description }),
    contentType: 'application/cloudevents+json',
    payload: {
      type: 'object',
      required: [...required, 'data'],
      properties: { ...envelope, ...properties },
    },
  };
}

function dataOf(
  schemas: DocumentSchemas,
  { service }: EventType | MessageType,
  { name, schema }: { readonly name: string; readonly schema: Schema },
): object {
  return schemas.add(toJsonSchema(schema, 'output'), { service, name });
}

const text = (description: string) => ({ type: 'string', description });
const replyTo = text('The service that waits for what comes back, if one does.');
const ofSaga = {
  type: 'string',
  format: 'uuid',
  description: 'The saga of the sender that has asked, if one has; it comes back with the answer.',
};
const expires = {
  type: 'string',
  format: 'date-time',
  description: 'Not worth handling, or answering, after this time.',
};

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
  dataref: text('Where the data is kept if it is too large to travel along; `data` is null then.'),
};
