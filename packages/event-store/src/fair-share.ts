/** How many partitions an instance has now. */
export interface MemberShare {
  readonly member: string;
  readonly held: number;
}

/**
 * How many of `partitions` `self` should have, when all who are there have the same number or one more. Whoever has most keeps most, so that as few
 * as possible change hands; equal ones are told apart by name. Everybody who sees the same comes to the same shares.
 */
export function fairShare(partitions: number, members: readonly MemberShare[], self: string): number {
  const ranked = members.toSorted(
    (left, right) => right.held - left.held || (left.member < right.member ? -1 : 1),
  );
  const rank = ranked.findIndex(({ member }) => member === self);
  if (rank < 0) return 0;
  const isLarger = rank < partitions % ranked.length;
  return Math.floor(partitions / ranked.length) + (isLarger ? 1 : 0);
}
