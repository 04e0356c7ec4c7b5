import { type Service, type ServiceOptions, service, type Uses } from '@banyan/chassis';
import { type Contract, isStreaming } from '@banyan/contract';
import type { CallContext } from '@banyan/core';
import { SidecarConfig, type SidecarSettings } from './config.ts';
import { createOpenCalls } from './open-calls.ts';
import { serveOutgoing } from './outgoing-server.ts';
import { askPlainService, checkPlainService } from './plain-service.ts';

/** What {@link sidecar} is told beside the contract. */
export interface SidecarOptions<U extends Uses> {
  /** Contracts of the services that the plain service may call through the sidecar, by the name that it uses for them. */
  readonly uses?: U;
}

/**
 * A service of the system whose work is done by a plain HTTP service beside it, in any language. The plain service answers the operations of the contract
 * as HTTP resources, on loopback; who may call, and everything else that stands between services, is the sidecar's.
 *
 * Its configuration: `<SERVICE>_UPSTREAM`, `<SERVICE>_HEALTH_PATH` (default `/health`), `<SERVICE>_OUTGOING_PORT`.
 * @throws TypeError if the contract has operations that stream bytes or take their time, or messages
 */
// biome-ignore lint/complexity/noBannedTypes: `{}` is the empty record of contracts.
export function sidecar<U extends Uses = {}>(contract: Contract, options: SidecarOptions<U> = {}): Service {
  checkContract(contract);
  const uses: Uses = options.uses ?? {};
  const calls = createOpenCalls();
  const operations = Object.values(contract.operations).map((operation) => {
    const handler = async (input: unknown, context: CallContext & { readonly config: SidecarSettings }) => {
      const { upstream } = context.config;
      const name = calls.open(context as Parameters<typeof calls.open>[0]);
      try {
        return await askPlainService({ upstream, operation, input, context, name });
      } finally {
        calls.close(name);
      }
    };
    return [operation.name, handler] as const;
  });
  // Contract and handlers are made from one another here, which the types cannot follow.
  const definition = {
    uses,
    config: SidecarConfig,
    // For denials, which are to be on record whatever the plain service does.
    keepsRecords: true,
    actsOutside: true,
    operations: Object.fromEntries(operations),
    readiness: ({ config, signal }: { readonly config: SidecarSettings; readonly signal: AbortSignal }) =>
      checkPlainService(new URL(config.healthPath, config.upstream), signal),
    background: { outgoing: (context: OutgoingContext) => runOutgoing(context) },
  } as unknown as ServiceOptions<Contract, Uses, typeof SidecarConfig>;
  return service(contract, definition as Parameters<typeof service>[1]);

  async function runOutgoing(context: OutgoingContext): Promise<void> {
    const { outgoingPort: port } = context.config;
    if (port === undefined) return;
    await serveOutgoing({ port, uses, calls, own: context, logger: context.log }, context.signal);
  }
}

type OutgoingContext = Parameters<ReturnType<typeof createOpenCalls>['open']>[0] & {
  readonly config: SidecarSettings;
};

function checkContract({ name, operations, messages }: Contract): void {
  const awkward = Object.values(operations).find(
    (operation) => isStreaming(operation) || operation.long !== undefined,
  );
  if (awkward !== undefined)
    throw new TypeError(
      `sidecar('${name}'): '${awkward.name}' streams bytes or takes its time, which a sidecar does not pass on.`,
    );
  if (Object.keys(messages).length > 0)
    throw new TypeError(
      `sidecar('${name}'): a plain service takes no messages; leave them out of its contract.`,
    );
}
