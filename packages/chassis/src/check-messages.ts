import type { Contract } from '@banyan/contract';
import type { Uses } from './service-context.ts';

interface Handlers {
  readonly messages: Readonly<Record<string, unknown>>;
  readonly replies: Readonly<Record<string, unknown>>;
}

/** @throws TypeError, with the fix in the text, if a message has no handler, or a handler no message */
export function checkMessageHandlers(contract: Contract, uses: Uses, { messages, replies }: Handlers): void {
  const refuse = (why: string) => new TypeError(`service '${contract.name}': ${why}`);
  for (const name of Object.keys(contract.messages)) {
    if (typeof messages[name] !== 'function')
      throw refuse(`add a function 'messages.${name}'; the contract promises it.`);
  }
  for (const name of Object.keys(messages)) {
    if (!Object.hasOwn(contract.messages, name)) {
      throw refuse(
        `remove 'messages.${name}' or declare it in the contract, which has ${list(Object.keys(contract.messages))}.`,
      );
    }
  }
  for (const name of Object.keys(replies)) checkReplyHandler(contract, uses, name);
}

function checkReplyHandler(contract: Contract, uses: Uses, name: string): void {
  const refuse = (why: string) => new TypeError(`service '${contract.name}': replies '${name}': ${why}`);
  const [alias = '', messageName = '', ...rest] = name.split('.');
  const addressee = alias === contract.name ? contract : uses[alias];
  if (addressee === undefined)
    throw refuse(`add '${alias}' to 'uses', or use one of ${list(Object.keys(uses))}.`);
  const declared = Object.hasOwn(addressee.messages, messageName)
    ? addressee.messages[messageName]
    : undefined;
  if (rest.length > 0 || declared === undefined) {
    throw refuse(
      `contract '${addressee.name}' has no such message; it has ${list(Object.keys(addressee.messages))}.`,
    );
  }
  if (declared.reply === undefined)
    throw refuse(`'${name}' is one-way: declare its 'reply' in the contract, or remove this handler.`);
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join(', ');
}
