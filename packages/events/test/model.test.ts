import { createMemoryEvents, describeEventsModel } from '@banyan/events/testing';

const steps = Number(process.env['BANYAN_MODEL_STEPS'] ?? 1_500);
const seed = process.env['BANYAN_SEED'];

for (const [name, options] of Object.entries({
  memory: {},
  'memory whose log forgets ids': { remembersIdsForMs: 0 },
})) {
  describeEventsModel(
    name,
    async () => {
      const { log, createOutbox, createInbox, tx } = createMemoryEvents(undefined, options);
      return {
        log,
        outbox: createOutbox(),
        inbox: createInbox(),
        tx: (work) => tx(({ sql }) => work(sql)),
        close: () => log.close(),
      };
    },
    { steps, ...(seed === undefined ? undefined : { seed: Number(seed) }) },
  );
}
