import { format } from './harness.ts';

export interface Bar {
  readonly what: string;
  readonly measured: number;
  readonly atMost: number;
  readonly unit: string;
}

/** One line for a bar of the issue, with what was measured, and whether it holds. */
export function barNote({ what, measured, atMost, unit }: Bar): string {
  const verdict = measured <= atMost ? 'holds' : Number.isNaN(measured) ? 'was not measured' : 'is MISSED';
  return `Bar ${verdict}: ${what}: ${format(measured)} ${unit}, at most ${format(atMost)} ${unit}.`;
}
