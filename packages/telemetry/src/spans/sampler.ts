import type { SpanTrace } from '../trace-context.ts';

export type TraceIds = Pick<SpanTrace, 'trace0' | 'trace1' | 'trace2' | 'trace3'>;

/** Decides at the head. @param parent undefined where a trace begins */
export type Sampler = (ids: TraceIds, parent: { readonly sampled: boolean } | undefined) => boolean;

export const samplerNames = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;
export type SamplerName = (typeof samplerNames)[number];

/**
 * The samplers of the OpenTelemetry specification.
 * @param ratio share of the traces, 0 to 1; only for those with a ratio
 */
export function createSampler(name: SamplerName, ratio = 1): Sampler {
  const base = name.replace('parentbased_', '');
  const root: Sampler =
    base === 'always_on'
      ? () => true
      : base === 'always_off'
        ? () => false
        : (ids) => randomnessOf(ids) >= 1 - ratio;
  return base === name ? root : (ids, parent) => (parent === undefined ? root(ids, parent) : parent.sampled);
}

/** The 56 random bits of a trace id as a fraction, so that every process comes to the same decision for any ratio (W3C trace context, level 2). */
function randomnessOf({ trace2, trace3 }: TraceIds): number {
  return ((trace2 & 0xffffff) * 2 ** 32 + (trace3 >>> 0)) / 2 ** 56;
}
