import type { operationsApi, telemetryApi } from '@banyan/console-api/contract';
import type { OutputOf } from '@banyan/contract';

type Operations = (typeof telemetryApi)['operations'] & (typeof operationsApi)['operations'];

/** What the API answers to the operation of this name, as its contract says. */
export type AnswerOf<Name extends keyof Operations> = OutputOf<Operations[Name]['output']>;

export type SystemNow = AnswerOf<'getSystem'>;
export type SystemService = SystemNow['services'][number];
export type ServiceMap = AnswerOf<'getMap'>;
export type MapService = ServiceMap['services'][number];
export type VersionTraffic = NonNullable<MapService['versions']>[number];
export type MapEdge = ServiceMap['edges'][number];
export type TraceSummary = AnswerOf<'searchTraces'>['traces'][number];
export type Trace = AnswerOf<'getTrace'>;
export type Span = Trace['spans'][number];
export type LogLine = AnswerOf<'searchLogs'>['lines'][number];
export type ErrorGroup = AnswerOf<'listErrors'>['groups'][number];
export type DeadLetter = AnswerOf<'listDeadLetters'>['deadLetters'][number];
export type ConsumerGroup = AnswerOf<'listConsumers'>['consumers'][number];
export type SagaSummary = AnswerOf<'listSagas'>['sagas'][number];
export type Saga = AnswerOf<'getSaga'>;
export type SeriesList = AnswerOf<'getTraffic'>;
