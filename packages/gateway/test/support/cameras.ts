import { service, system } from '@banyan/chassis';
import { contract, operation } from '@banyan/contract';
import { expose, gateway } from '@banyan/gateway';
import { z } from 'zod';

const Camera = z.object({ id: z.string() });

/** Two versions of one service, as in R12: the second one has other answers, and an operation more. */
export const camerasOne = contract('cameras', {
  version: '1.0.0',
  operations: {
    getCamera: operation('GET /cameras/:id', {
      input: Camera,
      output: z.object({ id: z.string(), model: z.string() }),
    }),
    addCamera: operation('POST /cameras', {
      input: z.object({ model: z.string() }),
      output: z.object({ id: z.string() }),
      location: '/cameras/{id}',
      status: 201,
    }),
  },
});
export const camerasTwo = contract('cameras', {
  version: '2.0.0',
  operations: {
    getCamera: operation('GET /cameras/:cameraId', {
      input: z.object({ cameraId: z.string(), lens: z.string().optional() }),
      output: z.object({ cameraId: z.string(), lens: z.string().optional() }),
    }),
    addCamera: operation('POST /cameras', {
      input: z.object({ model: z.string() }),
      output: z.object({ cameraId: z.string() }),
      location: '/cameras/{cameraId}',
      status: 201,
    }),
    listLenses: operation('GET /lenses', { input: z.object({}), output: z.object({ lenses: z.int() }) }),
  },
});

export const one = service(camerasOne, {
  operations: {
    getCamera: async ({ id }) => ({ id, model: '001' }),
    addCamera: async () => ({ id: 'new' }),
  },
});
export const two = service(camerasTwo, {
  name: 'cameras-v2',
  operations: {
    getCamera: async ({ cameraId, lens }) => ({ cameraId, ...(lens === undefined ? undefined : { lens }) }),
    addCamera: async () => ({ cameraId: 'new' }),
    listLenses: async () => ({ lenses: 3 }),
  },
});

export const cameras = system('camera-shop', {
  services: [one, two],
  gateway: gateway({
    expose: [
      expose(camerasOne, { getCamera: 'anyone', addCamera: 'anyone' }),
      expose(camerasTwo, { getCamera: 'anyone', addCamera: 'anyone', listLenses: 'anyone' }),
    ],
  }),
});
