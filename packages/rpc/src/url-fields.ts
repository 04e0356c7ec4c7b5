import { isHeaderValue, notAHeaderValue, type Operation, takesJsonBody } from '@banyan/contract';
import { ServiceError } from '@banyan/core';

/**
 * Refuses input that an HTTP request for the operation could not carry: halves of surrogate pairs in path or query, what is no header
 * value in a header, and path values that clients and proxies would resolve away. Checked in every placement, so that a call that works in one
 * process works in two. Undefined for an operation whose whole input is a JSON body.
 * @throws ServiceError (the check) `invalid_argument` `invalid_input`
 */
export function createUrlCheck(operation: Operation): ((input: unknown) => void) | undefined {
  const { pathNames } = operation;
  const restIsInQuery = !takesJsonBody(operation);
  const inHeaders = Object.keys(operation.headers);
  if (pathNames.length === 0 && inHeaders.length === 0 && !restIsInQuery) return undefined;
  return (input) => {
    if (typeof input !== 'object' || input === null) return;
    const fields = input as Readonly<Record<string, unknown>>;
    for (const name of pathNames) {
      const value = fields[name];
      if (value === '' || value === '.' || value === '..') throw refuse(name, 'cannot be a path segment');
      if (!travels(value)) throw refuse(name, notWellFormed);
    }
    for (const name of inHeaders) {
      const value = fields[name];
      if (typeof value === 'string' && !isHeaderValue(value)) throw refuse(name, notAHeaderValue);
    }
    if (!restIsInQuery) return;
    for (const name of Object.keys(fields)) {
      if (!travels(name) || !travels(fields[name])) throw refuse(name, notWellFormed);
    }
  };
}

const notWellFormed = 'has half of a surrogate pair, which a URL cannot hold';

function travels(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  return !Array.isArray(value) || value.every((item) => typeof item !== 'string' || item.isWellFormed());
}

function refuse(name: string, message: string): ServiceError {
  const path = `/${name.slice(0, 200).toWellFormed().replaceAll('~', '~0').replaceAll('/', '~1')}`;
  return new ServiceError(`The input is not valid at ${path}: ${message}`, {
    code: 'invalid_argument',
    reason: 'invalid_input',
    details: { issues: [{ path, message }] },
  });
}
