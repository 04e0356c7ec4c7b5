import type { Service } from '@banyan/banyan';
import type { TestSystem } from '@banyan/testing';

/** A version of `service` that cannot start: reloading it stops the one that runs. */
export function broken(service: Service): Service {
  return { ...service, migrations: new URL('./no-such-folder/', import.meta.url) };
}

export interface Misuse {
  readonly service: Service;
  /** Name of the operation that is misused. */
  readonly operation: string;
  /** What it answers, as its contract wants it. */
  readonly answer: unknown;
  call(): Promise<unknown>;
}

/**
 * Does something in a service's own database that the service itself would never do: a release of it that misuses one operation takes its place for a
 * moment.
 */
export async function inDatabaseOf<Context, Result>(
  { hosts: [host] }: Pick<TestSystem, 'hosts'>,
  { service, operation, answer, call }: Misuse,
  work: (context: Context) => Promise<Result>,
): Promise<Result> {
  if (host === undefined) throw new TypeError('The system runs nowhere.');
  let result: { readonly value: Result } | undefined;
  const misused: Service['operations'][string] = async (_input, context) => {
    result = { value: await work(context as unknown as Context) };
    return answer;
  };
  await host.reload({ ...service, operations: { ...service.operations, [operation]: misused } });
  try {
    await call();
  } finally {
    await host.reload(service);
  }
  if (result === undefined) throw new Error('The work was not done.');
  return result.value;
}
