export { type RabbitReason, rabbitErrors } from './errors.ts';
export { createRabbitEventLog, type RabbitEventLogOptions } from './rabbit-event-log.ts';
