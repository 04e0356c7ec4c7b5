import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type Contract,
  createHttpBinding,
  inputValidator,
  type Operation,
  outputValidator,
  takesJsonBody,
} from '@banyan/contract';
import { type Route, readJsonBody, writeResult } from '@banyan/rpc';
import { consoleError } from './errors.ts';
import type { Asker } from './handlers.ts';

/** A request for which a route was found. */
export interface Arrival {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly params: Readonly<Record<string, string>>;
  /** Without `?`. */
  readonly query: string;
  readonly asker: Asker;
}

export type Target = (arrival: Arrival) => Promise<void>;

type AnyHandler = (input: never, asker: Asker) => Promise<unknown>;

/** Routes for every operation of a contract; one without a handler answers `not_offered`. */
export function apiRoutes(
  contract: Contract,
  handlers: Readonly<Record<string, AnyHandler | undefined>>,
): readonly Route<Target>[] {
  return Object.values(contract.operations).map((operation) => ({
    method: operation.method,
    path: operation.path,
    target: targetOf(operation, handlers[operation.name]),
  }));
}

function targetOf(operation: Operation, handler: AnyHandler | undefined): Target {
  const binding = createHttpBinding(operation);
  const input = inputValidator(operation);
  const output = outputValidator(operation);
  const readsBody = takesJsonBody(operation);
  return async ({ request, response, params, query, asker }) => {
    if (handler === undefined) throw consoleError('not_offered');
    const body = readsBody ? await readJsonBody(request) : undefined;
    const parsed = input.parse(binding.toInput(params, query, body, request.headers));
    const result = await handler(parsed as never, asker);
    response.setHeader('cache-control', 'no-store');
    await writeResult(
      response,
      operation,
      promised(() => output.parse(result)),
    );
  };
}

function promised(parse: () => unknown): unknown {
  try {
    return parse();
  } catch (cause) {
    throw consoleError('handler_broke_contract', { cause });
  }
}
