import { contract } from '@banyan/contract';
import { messageOperations } from './messages.ts';
import { sagaOperations, streamOperations } from './sagas.ts';
import { systemOperations } from './system.ts';

/** What the console knows from the system itself, and what it can do to it. */
export const operationsApi = contract('console-operations', {
  version: '1.0.0',
  description: 'Messages, sagas, streams, contracts, configuration, audit and control of the running system.',
  operations: { ...messageOperations, ...sagaOperations, ...streamOperations, ...systemOperations },
});
