import moleculer from 'moleculer';
import { orderParams } from '../call/moleculer.ts';
import { order } from '../payload.ts';
import type { RpcStack } from './stack.ts';

const port = 43_771;

function createBroker(nodeID: string, options: object) {
  return new moleculer.ServiceBroker({ nodeID, logger: false, ...options });
}

/** Moleculer's TCP transporter with static addresses, without discovery by UDP. */
export const stack: RpcStack = {
  async serve() {
    const urls = [`127.0.0.1:${port}/server`, `127.0.0.1:${port + 1}/client`];
    const broker = createBroker('server', {
      transporter: { type: 'TCP', options: { udpDiscovery: false, port, urls } },
    });
    broker.createService({
      name: 'echo',
      actions: {
        order: { params: orderParams, handler: async (context: { params: unknown }) => context.params },
      },
    });
    await broker.start();
    return urls.join(' ');
  },
  async connect(address) {
    const broker = createBroker('client', {
      transporter: {
        type: 'TCP',
        options: { udpDiscovery: false, port: port + 1, urls: address.split(' ') },
      },
    });
    await broker.start();
    await broker.waitForServices('echo', 20_000);
    return () => broker.call('echo.order', order);
  },
};
