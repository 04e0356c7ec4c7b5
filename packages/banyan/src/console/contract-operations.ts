import { describeGraph, type Service, type System } from '@banyan/chassis';
import type { OperationsHandlers } from '@banyan/console-api';
import { type Contract, exampleOf, metricName, toAsyncApi, toJsonSchema, toOpenApi } from '@banyan/contract';
import { ServiceError } from '@banyan/core';
import { tryThroughGateway } from './try-operation.ts';

export type ContractOperations = Pick<OperationsHandlers, 'listContracts' | 'getContract' | 'tryOperation'>;

interface Asked {
  readonly system: System;
  /** Those that run: without stand-ins in production. */
  readonly services: readonly Service[];
  /** Where the gateway listens; undefined without one, and before it does. */
  readonly publicUrl: () => string | undefined;
}

/** What services promise each other, and a way to try it. */
export function createContractOperations({ system, services, publicUrl }: Asked): ContractOperations {
  const { edges } = describeGraph(system, services);
  const consumersOf = (name: string) => [
    ...new Set(edges.filter(({ to, kind }) => to === name && kind !== 'event').map(({ from }) => from)),
    ...new Set(edges.filter(({ from, kind }) => from === name && kind === 'event').map(({ to }) => to)),
  ];
  const contractOf = (name: string): Contract => {
    const found = services.find((each) => each.name === name);
    if (found === undefined) throw noService(name);
    return found.contract;
  };
  return {
    async listContracts() {
      return {
        contracts: services.map(({ name, contract }) => ({
          service: name,
          version: contract.version,
          ...(contract.description === undefined ? undefined : { description: contract.description }),
          operations: Object.keys(contract.operations).length,
          events: Object.keys(contract.events).length,
          consumers: [...new Set(consumersOf(name))],
        })),
      };
    },
    async getContract({ service }) {
      const contract = contractOf(service);
      const head = { title: contract.name, version: contract.version, contracts: [contract] };
      return {
        service,
        version: contract.version,
        openApi: toOpenApi(head) as never,
        asyncApi: toAsyncApi(head) as never,
        consumers: [...new Set(consumersOf(service))],
        examples: examplesOf(contract) as never,
        metrics: Object.values(contract.metrics).map((metric) => {
          const { type, help, labels } = metric;
          const values = Object.entries(labels).map(([label, each]): [string, string[]] => [
            label,
            [...each],
          ]);
          return { name: metricName(metric), type, help, labels: Object.fromEntries(values) };
        }),
      };
    },
    async tryOperation({ service, operation, input, token }, { signal }) {
      const found = contractOf(service).operations[operation];
      if (found === undefined) throw noService(`${service}.${operation}`);
      const url = publicUrl();
      if (url === undefined) throw noService('gateway');
      return (await tryThroughGateway(found, { url, input, token, signal })) as never;
    },
  };
}

function noService(name: string): ServiceError {
  return new ServiceError(`The system has no '${name.slice(0, 200)}'.`, {
    code: 'not_found',
    reason: 'no_service',
  });
}

/** An input of each operation, by its name: to begin with, not to succeed with. */
function examplesOf({ operations }: Contract): Readonly<Record<string, unknown>> {
  const examples = Object.values(operations).map(({ name, input }) => [
    name,
    exampleOf(toJsonSchema(input, 'input')),
  ]);
  return Object.fromEntries(examples);
}
