import { createRandom } from '../pictures/random.ts';

/** What a test token makes the stand-in do. Other tokens are declined. */
export const testTokens = [
  'tok_ok',
  'tok_declined',
  'tok_hang',
  'tok_twice',
  'tok_fail_after_charge',
  'tok_flaky',
] as const;

export interface Behaviour {
  readonly declineReason?: string;
  /** No answer at all to this attempt, and no charge. */
  readonly hangs?: boolean;
  /** An error instead of an answer, before any charge. */
  readonly failsBefore?: boolean;
  /** An error instead of the answer, after the charge was made. */
  readonly failsAfter?: boolean;
  /** How often the outcome is told by event. */
  readonly settlements: number;
}

/** @param attempt 1 for the first with this key */
export function behaviourOf(token: string, key: string, attempt: number): Behaviour {
  switch (token) {
    case 'tok_ok':
      return { settlements: 1 };
    case 'tok_declined':
      return { settlements: 1, declineReason: 'insufficient_funds' };
    case 'tok_hang':
      return { settlements: 1, hangs: attempt === 1 };
    case 'tok_twice':
      return { settlements: 2 };
    case 'tok_fail_after_charge':
      return { settlements: 1, failsAfter: attempt === 1 };
    case 'tok_flaky': {
      // The key is the seed, so that one payment fails the same way in every run; it gets through in the end.
      const random = createRandom(`${key} ${attempt}`);
      return { settlements: 1, failsBefore: random() < 0.3, failsAfter: random() < 0.3 };
    }
    default:
      return { settlements: 1, declineReason: 'unknown_token' };
  }
}
