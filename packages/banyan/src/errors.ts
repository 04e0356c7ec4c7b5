import type { ErrorTable } from '@banyan/core';

/** Reasons that the command line gives; docs/reference/errors.md lists them all. */
export const banyanErrors = {
  no_system: { code: 'not_found', text: 'The folder has no `system.ts` with `export default system(...)`.' },
  invalid_definition: {
    code: 'failed_precondition',
    text: 'A module of the system threw while it was imported: usually a definition that contradicts itself. The text has the fix and the place.',
  },
  missing_in_production: {
    code: 'failed_precondition',
    text: 'A service or the gateway uses a contract that only a stand-in of `development` keeps. The text names each; put a service that keeps it into `services`.',
  },
  invalid_placement: {
    code: 'invalid_argument',
    text: 'The groups name an unknown part, name one twice, or two flags contradict.',
  },
  invalid_command_line: {
    code: 'invalid_argument',
    text: 'An unknown option, a missing name, or a value of the wrong form.',
  },
  already_running: { code: 'failed_precondition', text: 'Another process runs the system in this folder.' },
  not_running: {
    code: 'failed_precondition',
    text: 'The command works on the databases of a running system, and no server runs in this folder.',
  },
  broker_unavailable: {
    code: 'unavailable',
    text: 'The broker that `BROKER_URL` names does not answer. A system that starts waits for it.',
  },
  no_dead_letter: { code: 'not_found', text: 'The service has no dead letter of that id.' },
  data_folder_unusable: {
    code: 'failed_precondition',
    text: '`.banyan/` cannot be written, the disk is full, or a file in it is damaged.',
  },
  no_saga: {
    code: 'not_found',
    text: 'The service has no saga of that id, or it ended so long ago that it was forgotten.',
  },
  no_stream: {
    code: 'not_found',
    text: 'The service has no stream of that name in its event store, or none that had begun by then.',
  },
  no_service: {
    code: 'not_found',
    text: 'The system has no service or operation of that name, none with a database, or no gateway to reach it through.',
  },
  no_gateway_answer: {
    code: 'unavailable',
    text: 'The console tried an operation, and the gateway gave no answer: it is not there, is too slow, or its certificate is not trusted.',
  },
  store_away: {
    code: 'unavailable',
    text: 'The console has not been able to open its store of telemetry yet, and goes on trying. All else is there.',
  },
  not_possible: {
    code: 'failed_precondition',
    text: 'The console was asked for what a process cannot do in this placement or environment, or failed to do, a saga in its state, or a form for an operation that is a stream of bytes.',
  },
  no_flow: {
    code: 'not_found',
    text: 'The service has seen no flow of that key, or has forgotten it; or it is not under way, and cannot be dismissed.',
  },
} as const satisfies ErrorTable;
