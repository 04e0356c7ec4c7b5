import { ServiceError } from '@banyan/core';
import { isSecretName, redacted, scrubText } from '@banyan/telemetry';

/** A copy of JSON without secrets: values under secret names, and what is one by its form, as in log lines. Nothing else is left out or cut. */
export function hideSecrets(value: unknown): unknown {
  if (typeof value === 'string') return scrubText(value);
  if (Array.isArray(value)) return value.map(hideSecrets);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [
      name,
      isSecretName(name) && each !== null ? redacted : hideSecrets(each),
    ]),
  );
}

/**
 * What somebody has edited of `hideSecrets(original)`, with what was hidden back in its place.
 * @throws ServiceError `invalid_argument` `invalid_input` if something hidden stands where it was not: nobody means the word itself
 */
export function restoreSecrets(edited: unknown, original: unknown): unknown {
  return restore({ edited, shown: hideSecrets(original), original }, 'data');
}

interface Place {
  readonly edited: unknown;
  readonly shown: unknown;
  readonly original: unknown;
}

function restore({ edited, shown, original }: Place, path: string): unknown {
  if (typeof edited === 'string') {
    if (edited === shown) return original;
    if (edited.includes(redacted)) throw movedSecret(path);
    return edited;
  }
  if (typeof edited !== 'object' || edited === null) return edited;
  const inside = (name: string, each: unknown) =>
    restore({ edited: each, shown: at(shown, name), original: at(original, name) }, `${path}.${name}`);
  if (Array.isArray(edited)) return edited.map((each, index) => inside(String(index), each));
  return Object.fromEntries(Object.entries(edited).map(([name, each]) => [name, inside(name, each)]));
}

function at(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}

function movedSecret(path: string): ServiceError {
  return new ServiceError(
    `${path}: ${redacted} stands for something only where it was shown. Write what is meant.`,
    { code: 'invalid_argument', reason: 'invalid_input' },
  );
}
