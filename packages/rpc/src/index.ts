export {
  type CallEnvironment,
  type CancellableCallContext,
  type CancelTarget,
  createCallContext,
  type DerivedCallOptions,
  deriveCallContext,
  type RootCallOptions,
} from './call-context.ts';
export type { Endpoint } from './endpoint.ts';
export { rpcErrors } from './errors.ts';
export {
  type BodyOptions,
  type JsonBodyOptions,
  parseJson,
  readBody,
  readJsonBody,
} from './http/json-body.ts';
export {
  bodyCutOff,
  bodyTooLarge,
  nestedTooDeeply,
  routeError,
  unsupportedMediaType,
  urlTooLong,
} from './http/request-errors.ts';
export { writeProblem, writeResult } from './http/response.ts';
export { createRouter, type Route, type RouteMatch, type RouteResult, type Router } from './http/router.ts';
export { acceptsType, checkUpload, uploadOf } from './http/upload.ts';
export { isSagaKey } from './idempotency-key.ts';
export { stopListening } from './listen.ts';
export { createLocalEndpoint, type LocalEndpointOptions, type OperationHandle } from './local-endpoint.ts';
export { createPartProbes, type ProbeServer } from './probe-server.ts';
export { createRemoteEndpoint, type RemoteEndpoint, type RemoteEndpointOptions } from './remote-endpoint.ts';
export {
  createServiceServer,
  type ServerLimits,
  type ServiceServer,
  type ServiceServerOptions,
} from './service-server.ts';
