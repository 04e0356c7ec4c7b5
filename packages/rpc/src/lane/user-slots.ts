import type { ServiceTokens } from '@banyan/auth';
import type { Caller, User } from '@banyan/core';

/** How many end users a link keeps by number. */
export const maxUserSlots = 1_024;

/** The end users that one caller speaks for, by the numbers it gave them. */
export interface UserSlots {
  /** @throws Error if the number is out of range */
  set(slot: number, assertion: string): void;
  /**
   * The caller with the user in `slot`, or without one. Synchronous if the assertion has been verified before.
   * @throws Error if nothing was ever put into `slot`
   * @throws ServiceError `unauthenticated` `invalid_user_assertion`
   */
  callerFor(slot: number | undefined): Caller | Promise<Caller>;
}

interface Slot {
  readonly assertion: string;
  user: User | undefined;
  caller: Caller | undefined;
}

export function createUserSlots(tokens: ServiceTokens, service: string): UserSlots {
  const slots: (Slot | undefined)[] = [];
  const alone: Caller = { service };
  return {
    set(slot, assertion) {
      if (slot >= maxUserSlots) throw new Error(`User number ${slot} is out of range.`);
      slots[slot] = { assertion, user: undefined, caller: undefined };
    },
    callerFor(number) {
      if (number === undefined) return alone;
      const slot = slots[number];
      if (slot === undefined) throw new Error(`Nobody has number ${number}.`);
      // Asked each time, because an assertion expires.
      const user = tokens.verifiedUser(slot.assertion);
      if (user === undefined)
        return tokens.verifyUser(slot.assertion).then((known) => ({ service, user: known }));
      if (slot.user !== user) {
        slot.user = user;
        slot.caller = { service, user };
      }
      return slot.caller ?? alone;
    },
  };
}
