import { createClient } from '@banyan/chassis';
import { createCallContext } from '@banyan/rpc';
import { createEchoHost } from '../banyan-host.ts';
import { echo } from '../contract.ts';
import { order } from '../payload.ts';
import type { RpcStack } from './stack.ts';

const port = 43_781;
const caller = { service: 'gateway', user: { id: 'user-1', scopes: ['orders'] } };

export const stack: RpcStack = {
  async serve() {
    await createEchoHost({ port }).start();
    return `http://127.0.0.1:${port}`;
  },
  async connect(address) {
    const host = createEchoHost({ address });
    await host.start();
    const client = createClient(echo, host.endpoint('echo', 'gateway'), () => createCallContext({ caller }));
    return () => client.order(order);
  },
};
