import { maxUserSlots } from './user-slots.ts';

/** Numbers for user assertions on one link, so that each is sent once. */
export interface UserNumbers {
  /** The assertion's number; announces it first if the other side does not know it. */
  numberOf(assertion: string): number;
}

/** @param announce tells the other side what a number stands for from now on; an earlier meaning is forgotten */
export function createUserNumbers(announce: (number: number, assertion: string) => void): UserNumbers {
  const numbers = new Map<string, number>();
  const assertions: string[] = [];
  let next = 0;
  return {
    numberOf(assertion) {
      const known = numbers.get(assertion);
      if (known !== undefined) return known;
      const number = next;
      next = (next + 1) % maxUserSlots;
      const forgotten = assertions[number];
      if (forgotten !== undefined) numbers.delete(forgotten);
      assertions[number] = assertion;
      numbers.set(assertion, number);
      announce(number, assertion);
      return number;
    },
  };
}
