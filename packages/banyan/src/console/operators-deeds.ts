import type { AuditSearch } from '@banyan/audit';
import type { Sql } from '@banyan/core';

export interface OperatorsDeed {
  /** RFC 3339 UTC. */
  readonly at: string;
  readonly by: string;
  readonly action: string;
  readonly subject: string;
}

/** What operators did to dead letters, sagas and flows of one service, newest first: tables beside its audit log, searched in the same way. */
export function listOperatorsDeeds(
  sql: Sql,
  { user, subject, action, since, until, limit }: AuditSearch,
): Promise<readonly OperatorsDeed[]> {
  return sql<OperatorsDeed>`
    select at, by, action, subject from (
      select at, by, 'events.' || action as action, subject from banyan.inbox_audit
      union all
      select at, actor, 'saga.' || action, saga_id::text from banyan.saga_audit
      union all
      select at, actor, 'flow.' || action, flow || ' ' || key from banyan.flow_audit
    ) as deed
    where by = coalesce(${user ?? null}::text, by) and subject = coalesce(${subject ?? null}::text, subject)
      and action = coalesce(${action ?? null}::text, action)
      and at >= coalesce(${since ?? null}::timestamptz, at) and at < coalesce(${until ?? null}::timestamptz, 'infinity')
    order by at desc limit ${limit}`;
}
