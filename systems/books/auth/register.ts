import type { Sql } from '@banyan/banyan';
import { addReader } from './readers.ts';

export async function register(
  { name, password }: { readonly name: string; readonly password: string },
  { sql, fail }: { readonly sql: Sql; readonly fail: (refusal: 'nameTaken') => never },
): Promise<{ name: string }> {
  return (await addReader(sql, name, password)) ? { name } : fail('nameTaken');
}
