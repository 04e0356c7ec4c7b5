import { createErrorFactory, type ErrorTable } from '@banyan/core';

export const configErrors = {
  invalid_configuration: {
    code: 'failed_precondition',
    text: 'Configuration is missing or wrong. The message has one line per variable, with what was expected and what was given; nothing was started.',
  },
  invalid_env_file: {
    code: 'failed_precondition',
    text: 'A .env file cannot be read or understood. The message names file and line.',
  },
  document_changed: {
    code: 'aborted',
    text: 'Somebody else has changed the document meanwhile; nothing was changed. Read it again, and make the change from its newest version.',
  },
  documents_unavailable: {
    code: 'unavailable',
    text: 'The run-time documents cannot be reached. What is in force stays in force. A change may have been made: read the document again.',
  },
  documents_closed: {
    code: 'failed_precondition',
    text: 'The handle on the run-time documents, or the watch, was closed before. Open a new one.',
  },
  invalid_document: {
    code: 'invalid_argument',
    text: 'The change of a run-time document was refused; nothing was changed. The message says what is wrong.',
  },
} as const satisfies ErrorTable;

export const configError = createErrorFactory(configErrors);
