import { PlanWriter } from './plan-writer.ts';
import { mismatch, type Plan } from './schema-plan.ts';

/** Answers the validated copy, or {@link mismatch}: then only the library can say what the value is worth. */
export type FastPath = (value: unknown) => unknown;

/** Straight JavaScript for a plan; undefined where generating code is forbidden (a Content-Security-Policy, hardened runtimes). */
export function compilePlan(plan: Plan): FastPath | undefined {
  const writer = new PlanWriter();
  const result = writer.write(plan, 'value', 'return mismatch;');
  const names = writer.constants.map((_, index) => `c${index}`);
  const code = `${writer.lines.join('\n')}\nreturn ${result};`;
  try {
    const make = new Function('mismatch', 'codePoints', ...names, `return (value) => {\n${code}\n};`);
    return make(mismatch, codePoints, ...writer.constants) as FastPath;
  } catch (error) {
    if (error instanceof EvalError) return undefined;
    throw error;
  }
}

/** Length in Unicode code points; half a surrogate pair counts as one. */
function codePoints(text: string): number {
  let count = text.length;
  for (let index = 0; index < text.length - 1; index++) {
    if ((text.charCodeAt(index) & 0xfc00) !== 0xd800) continue;
    if ((text.charCodeAt(index + 1) & 0xfc00) !== 0xdc00) continue;
    count--;
    index++;
  }
  return count;
}
