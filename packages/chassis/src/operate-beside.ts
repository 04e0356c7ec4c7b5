import { inputValidator } from '@banyan/contract';
import type { Clock, Database, Logger } from '@banyan/core';
import { createCallContext } from '@banyan/rpc';
import { createMetrics } from '@banyan/telemetry';
import { AuditTrail } from './audit-trail.ts';
import { OperationHandlerContext, type ServiceRuntime } from './handler-context.ts';
import type { Service } from './service.ts';
import { createServiceMetrics } from './service-metrics.ts';
import { createServiceResources } from './service-resources.ts';

export interface BesideOptions {
  readonly service: Service;
  readonly database: Database;
  /** Validated. */
  readonly config: unknown;
  /** The service's own. */
  readonly dataFolder: string;
  /** The operator, for the audit log. */
  readonly by: string;
  readonly clock: Clock;
  /** Hears of a refusal that could not be put on record. */
  readonly logger: Logger;
}

/**
 * Calls one operation of a service from a command beside the running system, for what an operator looks after. Its handler has the service's database,
 * configuration and folder, and its audit log, where the call is on record under the operator; it has no events, messages, sagas and calls.
 * @throws ServiceError as the operation does, and `invalid_argument` for an input that is not as declared
 * @throws TypeError if there is no such operation, or it uses what is not there
 */
export async function operateBeside(options: BesideOptions, name: string, input: unknown): Promise<unknown> {
  const { service, database, by, clock, logger } = options;
  const operation = Object.hasOwn(service.contract.operations, name)
    ? service.contract.operations[name]
    : undefined;
  const handler = service.operations[name];
  if (operation === undefined || handler === undefined)
    throw new TypeError(`operateBeside(): service '${service.name}' has no operation '${name}'.`);
  const context = createCallContext({
    caller: { service: 'banyan', user: { id: by, scopes: [] } },
    timeoutMs: operation.timeoutMs,
  });
  const audit = new AuditTrail({ database, audited: service.audited, clock, logger });
  const runtime = besideRuntime(options, audit);
  try {
    const given = inputValidator(operation).parse(input);
    const record = audit.recordOf(operation, given, context);
    const run = () => handler(given, new OperationHandlerContext(runtime, context, { operation, record }));
    return await (record === undefined ? run() : record.around(run));
  } finally {
    context.end();
    await runtime.resources.close();
    await audit.stop();
  }
}

function besideRuntime(options: BesideOptions, audit: AuditTrail): ServiceRuntime {
  const { service, database, config, dataFolder, clock, logger } = options;
  const missing = (what: string): never => {
    throw new TypeError(
      `operateBeside(): an operation of '${service.name}' has no ${what} beside the system.`,
    );
  };
  return {
    contract: service.contract,
    instance: 'beside',
    config,
    dataFolder,
    resources: createServiceResources({ config, log: logger }),
    logger,
    clock,
    spans: undefined,
    database,
    audit,
    callers: new Set(),
    // Nobody reads them, but the handler may go on measuring.
    metrics: createServiceMetrics(createMetrics(), service.name, service.contract),
    sagaDefinitions: [],
    replies: undefined,
    onEmitted: () => undefined,
    createCalls: () => missing('calls'),
    get outbox() {
      return missing('events');
    },
    get requests() {
      return missing('messages');
    },
    get desk() {
      return missing('messages');
    },
    get sagas() {
      return missing('sagas');
    },
    get flows() {
      return missing('flows');
    },
    get claims() {
      return missing('events');
    },
    get callbacks() {
      return missing('callbacks');
    },
    get readers() {
      return missing('readers');
    },
    get directory() {
      return missing('messages');
    },
    get messageMetrics() {
      return missing('messages');
    },
  };
}
