import { type Contract, consumableEvents } from '@banyan/contract';
import type { Uses } from './service-context.ts';

/** Every operation has a handler, and every handler an operation. */
export function checkHandlers(contract: Contract, handlers: object): void {
  for (const name of Object.keys(contract.operations)) {
    if (typeof (handlers as Record<string, unknown>)[name] !== 'function') {
      throw new TypeError(
        `service '${contract.name}': add a function 'operations.${name}'; the contract promises it.`,
      );
    }
  }
  for (const name of Object.keys(handlers)) {
    if (!Object.hasOwn(contract.operations, name)) {
      throw new TypeError(
        `service '${contract.name}': remove 'operations.${name}' or declare it in the contract, which has ${list(Object.keys(contract.operations))}.`,
      );
    }
  }
}

/** What is put on record is an operation of the contract. */
export function checkAudited(contract: Contract, audited: object): void {
  for (const name of Object.keys(audited)) {
    if (Object.hasOwn(contract.operations, name)) continue;
    throw new TypeError(
      `service '${contract.name}': remove 'audited.${name}'; the contract has ${list(Object.keys(contract.operations))}.`,
    );
  }
}

/** Whatever the service listens to is an event of a contract that it names. */
export function checkConsumers(contract: Contract, uses: Uses, names: readonly string[]): void {
  for (const name of names) {
    const [alias = '', eventName = '', ...rest] = name.split('.');
    const source = alias === contract.name ? contract : uses[alias];
    if (source === undefined) {
      throw new TypeError(
        `service '${contract.name}': on '${name}': add '${alias}' to 'uses', or use one of ${list(Object.keys(uses))}.`,
      );
    }
    const events = consumableEvents(source);
    if (rest.length > 0 || !Object.hasOwn(events, eventName)) {
      throw new TypeError(
        `service '${contract.name}': on '${name}': contract '${source.name}' has no such event; it has ${list(Object.keys(events))}.`,
      );
    }
  }
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join(', ');
}
