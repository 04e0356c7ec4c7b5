import type { TestContext } from 'node:test';
import type { EdgeOptions } from '@banyan/chassis';
import type { RuntimeDocuments } from '@banyan/config';
import { createMemoryDocumentStore } from '@banyan/config/testing';
import { type Clock, systemClock } from '@banyan/core';
import { createTrafficAdmin, expose, type TrafficAdmin } from '@banyan/gateway';
import { cameras, camerasOne, camerasTwo } from './cameras.ts';
import { runShop } from './running-shop.ts';

export const reason = { by: 'ada', why: 'release' };

/** How a version behaves. */
export const fails = () => Promise.reject(new Error('the lens is stuck'));
export const hangs = () => new Promise<never>(() => undefined);
export const works = () => Promise.resolve();

/** What a gateway logs when a version is to be left, and no instance of the other one runs. */
export const stuck = 'a version broke its promise, and no instance runs that requests could go back to';

export async function isBack(admin: TrafficAdmin, url: string): Promise<boolean> {
  const { rules } = await admin.rules();
  if (rules.services['cameras']?.current !== '1') return false;
  // Where the change has not arrived, the second version still refuses.
  const response = await fetch(url);
  await response.arrayBuffer();
  return response.status === 200 && response.headers.get('api-version') === '1.0.0';
}

export interface VersionsOptions {
  readonly clock?: Clock;
  readonly store?: ReturnType<typeof createMemoryDocumentStore>;
  /** What the gateway has of the documents, which are those of the operator. */
  readonly documents?: (documents: RuntimeDocuments, operator: TrafficAdmin) => RuntimeDocuments;
  readonly isRunning?: EdgeOptions['isRunning'];
}

/** Two versions without a system around them; `second` answers every call to the second one. */
export async function runVersions(
  t: TestContext,
  second: () => Promise<void>,
  {
    clock = systemClock,
    store = createMemoryDocumentStore(),
    documents = (own) => own,
    isRunning,
  }: VersionsOptions = {},
) {
  const admin = createTrafficAdmin({ documents: store.open(), routes: cameras.gateway?.routes ?? [] });
  const shop = await runShop(t, {
    gateway: {
      expose: [expose(camerasOne, { getCamera: 'anyone' }), expose(camerasTwo, { getCamera: 'anyone' })],
    },
    edge: {
      documents: documents(store.open(), admin),
      ...(isRunning && { isRunning }),
      clock,
      endpoint: (_name, to) => ({
        contract: to?.version === '1' ? camerasOne : camerasTwo,
        async call() {
          if (to?.version === '1' && to.label === undefined) return { id: '7', model: '001' };
          await second();
          return { cameraId: '7' };
        },
      }),
    },
  });
  const url = `${shop.url}/cameras/7`;
  const ask = async (count: number) => {
    for (let index = 0; index < count; index += 1) await (await fetch(url)).arrayBuffer();
  };
  return { store, admin, url, ask, log: shop.log };
}
