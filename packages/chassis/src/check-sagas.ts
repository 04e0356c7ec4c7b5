import type { Contract } from '@banyan/contract';
import { allNodes, type DurableDefinition, definitionId, type Node, type SagaDefinition } from '@banyan/saga';
import { mayBeSagaCall } from './keyed-call.ts';
import type { Service } from './service.ts';
import type { Uses } from './service-context.ts';

/** @throws TypeError, with the fix in the text, if a saga calls what the service may not call, or two have one name and version */
export function checkSagas(
  contract: Contract,
  uses: Uses,
  {
    sagas,
    durable,
  }: { readonly sagas: readonly SagaDefinition[]; readonly durable: readonly DurableDefinition[] },
): void {
  const refuse = (why: string) => new TypeError(`service '${contract.name}': ${why}`);
  const seen = new Set<string>();
  for (const each of [...sagas, ...durable]) {
    const id = definitionId(each);
    if (seen.has(id)) throw refuse(`two are ${id}: give the changed one another version.`);
    seen.add(id);
  }
  const services = new Set(Object.values(uses).map(({ name }) => name));
  for (const saga of sagas) {
    for (const node of allNodes(saga.nodes)) {
      for (const service of servicesOf(node)) {
        if (services.has(service)) continue;
        throw refuse(`saga '${saga.name}', step '${node.name}' calls '${service}': add it to 'uses'.`);
      }
      if (node.kind === 'child' && !seen.has(definitionId(node.saga()))) {
        throw refuse(`saga '${saga.name}' runs ${definitionId(node.saga())}: add that to 'sagas'.`);
      }
    }
  }
}

/** Steps that call what acts outside of the platform, with the fix. */
export function outsideProblems(services: readonly Service[]): string[] {
  const outside = new Set(services.filter((each) => each.actsOutside).map(({ contract }) => contract.name));
  const problems: string[] = [];
  for (const { name, sagas } of services) {
    for (const saga of sagas) {
      for (const node of allNodes(saga.nodes)) {
        for (const action of actionsOf(node)) {
          if (action?.kind !== 'call') continue;
          const { operation } = action;
          if (!outside.has(operation.service) || mayBeSagaCall(operation)) continue;
          problems.push(
            `saga '${saga.name}' of '${name}', step '${node.name}' calls '${operation.service}.${operation.name}', which acts outside of the platform (a sidecar): only GET operations of it can be called by steps.`,
          );
        }
      }
    }
  }
  return problems;
}

function servicesOf(node: Node): readonly string[] {
  return actionsOf(node).flatMap((action) => {
    if (action?.kind === 'call') return [action.operation.service];
    return action?.kind === 'send' ? [action.message.service] : [];
  });
}

function actionsOf(node: Node) {
  if (node.kind !== 'step' && node.kind !== 'child') return [];
  return node.kind === 'step' ? [node.action, node.undo, node.confirm] : [node.undo];
}
