import { toOpenApi } from '@banyan/contract';
import { type Asset, createAsset, writeAsset } from './asset.ts';
import { mediaTypesOf } from './formats/route-formats.ts';
import type { GatewayDefinition } from './gateway.ts';
import type { Target } from './target.ts';
import { type DocumentedVersions, documentedVersions, withVersions } from './versions/document-versions.ts';
import { documentedRoutes } from './versions/exposed-versions.ts';
import type { Traffic } from './versions/traffic.ts';

/** `GET /openapi.json`: the exposed operations for tools. */
export function createOpenApiTarget(
  definition: GatewayDefinition,
  systemName: string,
  traffic: Traffic,
): Target {
  let asset: Promise<Asset> | undefined;
  let shown = '';
  return {
    route: '/openapi.json',
    async handle(exchange) {
      const versions = documentedVersions(definition.routes, traffic);
      const routes = documentedRoutes(definition.routes, traffic);
      const wanted = JSON.stringify([versions, routes.map(({ operation }) => operation.name)]);
      if (asset === undefined || shown !== wanted) {
        shown = wanted;
        const document = toDocument({ ...definition, routes }, systemName, versions);
        asset = createAsset('application/json', Buffer.from(JSON.stringify(document)));
      }
      writeAsset(exchange, await asset, 'api');
    },
  };
}

function toDocument(
  { title, description, routes, formats }: GatewayDefinition,
  systemName: string,
  documented: readonly DocumentedVersions[],
): object {
  const versions = new Set(routes.map(({ contract }) => `${contract.name} ${contract.version}`));
  const document = toOpenApi({
    title: title ?? systemName,
    // A system has no version of its own; its contracts have.
    version: [...versions].join(', '),
    ...(description === undefined ? undefined : { description }),
    operations: routes.map(({ contract, operation, policy }) => {
      const mediaTypes = mediaTypesOf(operation, policy.formats ?? formats);
      const secured = policy.access !== 'anyone';
      return { contract, operation, secured, ...(mediaTypes === undefined ? undefined : { mediaTypes }) };
    }),
  });
  return withVersions(document, documented);
}
