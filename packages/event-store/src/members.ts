import type { Sql } from '@banyan/core';
import type { MemberShare } from './fair-share.ts';

/** One instance that shares in a subscription. */
export interface Member {
  readonly subscription: string;
  readonly owner: string;
  readonly leaseMs: number;
}

/** Says that the member is there, for as long as a lease; resolves with all who are, itself included, and how many partitions each of them holds. */
export async function meetMembers(
  sql: Sql,
  { subscription, owner, leaseMs }: Member,
): Promise<readonly MemberShare[]> {
  return sql<{ member: string; held: number }>`
    with gone as (
      delete from banyan.event_member where subscription = ${subscription} and until < clock_timestamp() and member <> ${owner}
    ), here as (
      insert into banyan.event_member (subscription, member, until)
      values (${subscription}, ${owner}, clock_timestamp() + ${leaseMs}::float8 * interval '1 millisecond')
      on conflict (subscription, member) do update set until = excluded.until
      returning member
    ), present as (
      select member from here
      union
      select member from banyan.event_member where subscription = ${subscription} and until >= clock_timestamp()
    )
    select p.member, (
      select count(*) from banyan.event_subscription as s
      where s.name = ${subscription} and s.owner = p.member and s.lease_until >= clock_timestamp()
    )::int4 as held
    from present as p`;
}

/** The others share what it held at once, not only when its lease is over. */
export async function leaveMembers(
  sql: Sql,
  { subscription, owner }: Pick<Member, 'subscription' | 'owner'>,
): Promise<void> {
  await sql`delete from banyan.event_member where subscription = ${subscription} and member = ${owner}`;
}
