export { eventually, stallMs, until, untilPasses } from '@banyan/core/testing';
export { freePort, freePorts } from './free-port.ts';
export { lastFirst, type Undoing } from './last-first.ts';
export { type HostPlan, type OpenedHost, openHost } from './open-host.ts';
export { temporaryFolder } from './temporary-folder.ts';
export {
  createTestDatabase,
  startTestServer,
  type TestDatabase,
  type TestServer,
  type TestServerOptions,
} from './test-database.ts';
export type { TestProcess } from './test-process.ts';
export { type CallAs, startTestSystem, type TestSystem, type TestSystemOptions } from './test-system.ts';
