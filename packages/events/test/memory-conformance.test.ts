import { createMemoryEvents, describeEventLog } from '@banyan/events/testing';

for (const [name, options] of Object.entries({
  memory: {},
  'memory that forgets ids': { remembersIdsForMs: 0 },
  'memory that does not replay': { replay: false },
})) {
  describeEventLog(name, async () => {
    const { log, createLog, publishRaw } = createMemoryEvents(undefined, options);
    return { log, other: createLog(), reopen: async () => createLog(), publishRaw, close: async () => {} };
  });
}
