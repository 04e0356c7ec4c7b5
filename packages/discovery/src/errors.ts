import { createErrorFactory, type ErrorTable } from '@banyan/core';

export const discoveryErrors = {
  registry_unavailable: {
    code: 'unavailable',
    text: 'The registry cannot be reached. Calls go on with the instances that were last seen; try the registration or listing again.',
  },
  registry_closed: {
    code: 'failed_precondition',
    text: 'The registry handle or the watch was closed before. Open a new one.',
  },
  invalid_static_registry: {
    code: 'failed_precondition',
    text: 'The fixed list of instances cannot be read. Write it as static:orders=http://host:1,http://host:2;payments=http://host:3.',
  },
  invalid_traffic_rules: {
    code: 'invalid_argument',
    text: 'Traffic rules were refused, and nothing was changed. The message names the place that is wrong and what belongs there.',
  },
} as const satisfies ErrorTable;

export const discoveryError = createErrorFactory(discoveryErrors);
