import { isDeepStrictEqual } from 'node:util';
import { type Metric, metricName } from '@banyan/contract';
import type { Service } from './service.ts';

/**
 * Services of one process share its page, where a name has one meaning. Checked wherever they are placed: what runs apart must also run together. Versions
 * of one contract may differ in the values of labels.
 */
export function metricProblems(services: readonly Service[]): string[] {
  const first = new Map<string, { readonly service: string; readonly metric: Metric }>();
  const problems: string[] = [];
  for (const { name: service, contract } of services) {
    for (const metric of Object.values(contract.metrics)) {
      const name = metricName(metric);
      const before = first.get(familyOf(metric));
      first.set(familyOf(metric), before ?? { service, metric });
      if (before === undefined || isDeepStrictEqual(shapeOf(before.metric), shapeOf(metric))) continue;
      problems.push(
        `services '${before.service}' and '${service}' have different metrics '${name}'; rename one or make both the same.`,
      );
    }
  }
  return problems;
}

/** A counter's is named without its ending. */
function familyOf(metric: Metric): string {
  return metricName({ ...metric, type: 'gauge' });
}

function shapeOf({ type, help, labels, buckets }: Metric): unknown {
  return { type, help, labels: Object.keys(labels), buckets };
}
