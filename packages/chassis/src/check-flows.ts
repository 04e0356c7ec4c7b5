import type { Contract } from '@banyan/contract';
import type { FlowDefinition } from '@banyan/flow';
import type { Uses } from './service-context.ts';

/** @throws TypeError, with the fix in the text, if a flow has events of a service that is not used, or two have one name */
export function checkFlows(contract: Contract, uses: Uses, flows: readonly FlowDefinition[]): void {
  const refuse = (why: string) => new TypeError(`service '${contract.name}': ${why}`);
  const seen = new Set<string>();
  const contracts = new Map([contract, ...Object.values(uses)].map((each) => [each.name, each]));
  for (const { name, topics } of flows) {
    if (seen.has(name)) throw refuse(`two flows are called '${name}': rename one.`);
    seen.add(name);
    for (const topic of topics) {
      const [service = '', event = ''] = topic.split('.');
      const source = contracts.get(service);
      if (source === undefined)
        throw refuse(`flow '${name}' listens to '${topic}': add '${service}' to 'uses'.`);
      if (!Object.hasOwn(source.events, event))
        throw refuse(
          `flow '${name}' listens to '${topic}', which contract '${service}' in 'uses' does not have.`,
        );
    }
  }
}
