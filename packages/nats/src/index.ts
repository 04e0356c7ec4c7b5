export { natsErrors } from './errors.ts';
export { createNatsEventLog, type NatsEventLogOptions } from './nats-event-log.ts';
