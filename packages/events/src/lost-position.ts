import type { ServiceError } from '@banyan/core';
import type { ConsumerSettings } from './consumer-settings.ts';
import { lossOf, type StartAt } from './event-log.ts';

const marginMs = 3_600_000;

/** Where to go on in a partition that has lost its place with this error; undefined if an operator has to decide. */
export function startBehindLoss(
  error: ServiceError,
  { onPositionLost, log, retentionMs, clock }: ConsumerSettings,
): StartAt | undefined {
  const loss = lossOf(error);
  const isRefilled = log.onLoss !== undefined && (loss === 'recreated' || loss === 'put_back');
  if (onPositionLost !== 'skip' && !isRefilled) return undefined;
  if (loss !== 'put_back') return 'start';
  // It still holds what is older than the ids that the inbox remembers: that would be handled again.
  const rememberedMs = retentionMs - Math.min(marginMs, retentionMs / 8);
  return { time: new Date(clock.nowMs() - rememberedMs).toISOString() };
}
