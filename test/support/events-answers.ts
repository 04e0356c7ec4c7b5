import assert from 'node:assert/strict';
import type { Outcome } from './till-system.ts';

export interface Standing {
  readonly service: string;
  readonly outbox: { readonly count: number };
  readonly consumer: { readonly lag: number; readonly readers: number; readonly dead: number };
  readonly onTime: boolean;
}

/** What a command says when it cannot do what it was asked for: one line, no stack. */
export function assertRefused({ code, output }: Outcome, expected: { code: number; says: RegExp }): void {
  assert.equal(code, expected.code, output);
  assert.match(output, expected.says);
  assert.match(output, /^banyan: .*\n$/);
}
