import { describedOr, listOf, type Refuse } from './check-operation.ts';
import { objectFields } from './object-fields.ts';
import type { Schema } from './standard-schema.ts';
import { urlValueOf } from './url-value.ts';

/** @throws TypeError, with the fix in the text, if `key` is not a required string field of the object schema `data` */
export function checkKeyedData(data: Schema, key: string, refuse: Refuse): void {
  const schema = describedOr(refuse, 'data', { schema: data, direction: 'output' });
  const fields = objectFields(schema)?.fields;
  if (fields === undefined) throw refuse('data must be an object schema.');
  const field = fields.get(key);
  const value = field?.required === true ? urlValueOf(field.schemas, schema) : 'missing';
  const isString =
    typeof value !== 'string' &&
    !(value.numbers || value.booleans || value.nulls || value.items !== undefined) &&
    [...value.constants.values()].every((constant) => typeof constant === 'string');
  if (!isString) {
    throw refuse(
      `the key '${key}' must be a required string field of data, which has ${listOf(fields.keys())}.`,
    );
  }
}
