import { isDeepStrictEqual } from 'node:util';
import type { RuntimeDocument, RuntimeDocuments } from '@banyan/config';
import { parseTrafficRules, type ServiceTraffic, trafficDocument } from '@banyan/discovery';

export interface GoingBack {
  readonly service: string;
  /** The rule that was judged. */
  readonly rule: ServiceTraffic;
  readonly why: string;
}

/**
 * Does what the watch of a rule says: links the version that it names, and ends the watch. Matches stay.
 * @returns undefined, and nothing is changed, if there is another rule by now
 * @throws what `RuntimeDocuments.put` throws, also `document_changed`
 */
export async function goBack(
  documents: RuntimeDocuments,
  { service, rule, why }: GoingBack,
): Promise<RuntimeDocument | undefined> {
  const newest = await documents.get(trafficDocument);
  const { matches, watch } = rule;
  if (newest === undefined || watch === undefined) return undefined;
  const rules = parseTrafficRules(newest.value);
  if (!isDeepStrictEqual(rules.services[service], rule)) return undefined;
  const back: ServiceTraffic = { ...(matches && { matches }), current: watch.back };
  return documents.put(trafficDocument, {
    value: { ...rules, services: { ...rules.services, [service]: back } },
    expectedVersion: newest.version,
    by: 'gateway',
    why,
  });
}
