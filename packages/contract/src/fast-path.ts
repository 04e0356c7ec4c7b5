import { compilePlan, type FastPath } from './compile-plan.ts';
import { mismatch } from './schema-plan.ts';
import type { Schema } from './standard-schema.ts';
import { typeBoxValidatorOf } from './typebox.ts';
import { planOfTypeBox } from './typebox-plan.ts';
import { planOfZod } from './zod-plan.ts';

/** Compiled code that stands in for the schema's library on valid values; undefined where only the library will do. */
export function createFastPath(schema: Schema): FastPath | undefined {
  const validator = typeBoxValidatorOf(schema);
  if (validator !== undefined) {
    const planned = planOfTypeBox(validator.Type());
    const project = planned === undefined ? undefined : compilePlan(planned.plan);
    if (planned === undefined || project === undefined || !planned.needsCheck) return project;
    return (value) => (validator.Check(value) ? project(value) : mismatch);
  }
  if (schema['~standard'].vendor !== 'zod') return undefined;
  const plan = planOfZod(schema);
  return plan === undefined ? undefined : compilePlan(plan);
}
