import { operationsApi } from '@banyan/console-api';
import { isServiceError, ServiceError } from '@banyan/core';

type Handler = (input: never, asker: never) => Promise<unknown>;
type Refusals = Readonly<Record<string, { readonly status: number } | undefined>>;

/** What the verbs of the command line refuse, in the words of the console's contract. */
const declaredNames: Readonly<Record<string, string>> = {
  no_service: 'notFound',
  no_saga: 'notFound',
  no_stream: 'notFound',
  no_dead_letter: 'notFound',
  not_possible: 'notPossible',
};

/** The same handlers, which refuse as their operations declare it: with the name and the status of the contract. */
export function withDeclaredRefusals<Handlers extends object>(handlers: Handlers): Handlers {
  const refusing = Object.entries(handlers as Readonly<Record<string, Handler>>).map(([name, handle]) => [
    name,
    async (...given: Parameters<Handler>) => {
      try {
        return await handle(...given);
      } catch (error) {
        throw declared(error, name as keyof typeof operationsApi.operations);
      }
    },
  ]);
  return Object.fromEntries(refusing) as Handlers;
}

function declared(error: unknown, operation: keyof typeof operationsApi.operations): unknown {
  if (!isServiceError(error) || error.declared) return error;
  const reason = declaredNames[error.reason] ?? '';
  const refusal = (operationsApi.operations[operation].errors as Refusals)[reason];
  if (refusal === undefined) return error;
  const { code, message } = error;
  return new ServiceError(message, { code, reason, status: refusal.status, declared: true, cause: error });
}
