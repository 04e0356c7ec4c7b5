import { DBOS } from '@dbos-inc/dbos-sdk';
import type { PostgresPair } from '../events/postgres-pair.ts';
import type { SagaStack } from './stack.ts';

const three = DBOS.registerWorkflow(
  async (orderId: number) => {
    for (const name of ['one', 'two', 'three']) await DBOS.runStep(async () => ({ name, orderId }), { name });
  },
  { name: 'three' },
);

/** A workflow of three steps that do nothing but are checkpointed. DBOS launches once in a process. */
export async function startDbos(pair: PostgresPair): Promise<SagaStack> {
  DBOS.setConfig({
    name: 'saga-bench',
    systemDatabaseUrl: pair.urlOf('dbos_bench'),
    systemDatabasePoolSize: 40,
    logLevel: 'error',
    runAdminServer: false,
  });
  await DBOS.launch();
  return {
    async runOne(index) {
      const handle = await DBOS.startWorkflow(three)(index);
      await handle.getResult();
    },
    stop: () => DBOS.shutdown(),
  };
}
