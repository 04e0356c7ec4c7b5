import { toOpenApi } from '@banyan/contract';
import { type Asset, createAsset, writeAsset } from './asset.ts';
import type { GatewayDefinition } from './gateway.ts';
import type { Target } from './target.ts';

/** `GET /openapi.json`: the exposed operations for tools. */
export function createOpenApiTarget(definition: GatewayDefinition, systemName: string): Target {
  let asset: Promise<Asset> | undefined;
  return {
    route: '/openapi.json',
    async handle(exchange) {
      asset ??= createAsset(
        'application/json',
        Buffer.from(JSON.stringify(toDocument(definition, systemName))),
      );
      writeAsset(exchange, await asset, 'api');
    },
  };
}

function toDocument({ title, description, routes }: GatewayDefinition, systemName: string): object {
  const versions = new Set(routes.map(({ contract }) => `${contract.name} ${contract.version}`));
  return toOpenApi({
    title: title ?? systemName,
    // A system has no version of its own; its contracts have.
    version: [...versions].join(', '),
    ...(description === undefined ? undefined : { description }),
    operations: routes.map(({ contract, operation, policy }) => ({
      contract,
      operation,
      secured: policy.access !== 'anyone',
    })),
  });
}
