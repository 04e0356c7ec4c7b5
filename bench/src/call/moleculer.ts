import moleculer from 'moleculer';
import type { BenchCase } from '../harness.ts';
import { order } from '../payload.ts';

export interface MoleculerCallOptions {
  readonly validate: boolean;
  /** Metrics and tracing on. */
  readonly observe: boolean;
  readonly times: number;
}

/** The rules of `orderJsonSchema` in the words of Moleculer's own validator. */
export const orderParams = {
  $$strict: true,
  orderId: 'string|min:1|max:64',
  customerId: 'string|min:1|max:64',
  sku: 'string|min:1|max:40',
  quantity: 'number|integer|min:1|max:1000',
  unitPriceCents: 'number|integer|min:0|max:100000000',
  currency: { type: 'enum', values: ['EUR', 'USD', 'GBP'] },
  express: 'boolean',
  note: 'string|max:200',
};

/** Moleculer's local call of an action that answers with its parameters. */
export async function createMoleculerCall(name: string, options: MoleculerCallOptions): Promise<BenchCase> {
  const broker = new moleculer.ServiceBroker({
    logger: false,
    metrics: options.observe,
    tracing: options.observe ? { enabled: true, exporter: [] } : false,
  });
  broker.createService({
    name: 'echo',
    actions: {
      order: {
        ...(options.validate ? { params: orderParams } : undefined),
        handler: async (context: { params: unknown }) => context.params,
      },
    },
  });
  await broker.start();
  return {
    name,
    unit: 'ns',
    async round() {
      const start = process.hrtime.bigint();
      for (let index = 0; index < options.times; index += 1) await broker.call('echo.order', order);
      return Number(process.hrtime.bigint() - start) / options.times;
    },
  };
}
