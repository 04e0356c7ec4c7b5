import { createMemoryEvents, describeEventLog, describeInbox, describeOutbox } from '@banyan/events/testing';

describeEventLog('memory', async () => {
  const { log } = createMemoryEvents();
  return { log, other: log, close: async () => {} };
});

describeOutbox('memory', async () => {
  const { createOutbox, tx } = createMemoryEvents();
  return { outbox: createOutbox(), tx: (work) => tx(({ sql }) => work(sql)), close: async () => {} };
});

describeInbox('memory', async () => {
  const { createInbox, tx } = createMemoryEvents();
  return { inbox: createInbox(), tx: (work) => tx(({ sql }) => work(sql)), close: async () => {} };
});
