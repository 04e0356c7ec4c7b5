import {
  createMemoryEvents,
  describeClaimStore,
  describeEventLog,
  describeInbox,
  describeOutbox,
  describeRequestStore,
} from '@banyan/events/testing';

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

describeOutbox('memory', async () => {
  const { createOutbox, tx } = createMemoryEvents();
  const outbox = createOutbox();
  return { outbox, other: outbox, tx: (work) => tx(({ sql }) => work(sql)), close: async () => {} };
});

describeInbox('memory', async () => {
  const { createInbox, tx } = createMemoryEvents();
  const inbox = createInbox();
  return { inbox, other: inbox, tx: (work) => tx(({ sql }) => work(sql)), close: async () => {} };
});

describeRequestStore('memory', async () => {
  const { createRequestStore, tx } = createMemoryEvents();
  const requests = createRequestStore();
  return { requests, other: requests, tx: (work) => tx(({ sql }) => work(sql)), close: async () => {} };
});

describeClaimStore('memory', async () => {
  const claims = createMemoryEvents().createClaimStore();
  return { claims, other: claims, close: async () => {} };
});
