import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where in the code something was asked for; worked out only if somebody wants to know. */
export type Place = () => string | undefined;

const frame = /\(?((?:file:\/\/)?\/[^()]+|[A-Za-z]:\\[^()]+):(\d+):\d+\)?$/;

/** The line that called `method`, as `src/import-photos.ts:41`. */
export function placeOfCaller(method: (...given: never) => unknown): Place {
  const holder: { stack?: string } = {};
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 1;
  Error.captureStackTrace(holder, method);
  Error.stackTraceLimit = limit;
  return () => toPlace(holder.stack?.split('\n')[1]);
}

/** The line of the module at `modulePath` at which `error` was thrown, or the first one there is. */
export function placeOfError(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const own = error.stack
    ?.split('\n')
    .filter((line) => /^\s+at /.test(line) && !/node:|node_modules/.test(line));
  return toPlace(own?.[0]);
}

function toPlace(line: string | undefined): string | undefined {
  const found = frame.exec(line?.trim() ?? '');
  if (found === null) return undefined;
  const [, where = '', row] = found;
  const path = where.startsWith('file://') ? fileURLToPath(where) : where;
  const fromHere = relative(process.cwd(), path);
  return `${fromHere.startsWith('..') ? path : fromHere}:${row}`;
}
