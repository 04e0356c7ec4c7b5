export { type KafkaReason, kafkaErrors } from './errors.ts';
export { createKafkaEventLog, type KafkaEventLogOptions } from './kafka-event-log.ts';
