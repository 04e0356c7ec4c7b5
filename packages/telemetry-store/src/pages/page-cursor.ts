import { storeError } from '../errors.ts';

/** Where the next answer goes on, as an opaque text. */
export function toCursor(place: readonly (number | string)[]): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url');
}

/** @throws ServiceError `invalid_cursor` */
export function fromCursor<Place extends readonly (number | string)[]>(cursor: string, form: Place): Place {
  let place: unknown;
  try {
    place = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch (cause) {
    throw storeError('invalid_cursor', { cause });
  }
  const fits =
    Array.isArray(place) &&
    place.length === form.length &&
    place.every((value, index) => typeof value === typeof form[index]);
  if (!fits) throw storeError('invalid_cursor');
  return place as unknown as Place;
}
