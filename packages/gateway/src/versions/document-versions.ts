import type { OpenApiDocument } from '@banyan/contract';
import { fitsVersion } from '@banyan/discovery';
import type { ExposedRoute } from '../exposure.ts';
import { type ExposedVersion, exposedVersions } from './exposed-versions.ts';
import { versionName } from './names.ts';
import type { Traffic } from './traffic.ts';

/** The versions of one service, for documents. */
export interface DocumentedVersions {
  readonly service: string;
  readonly versions: readonly ExposedVersion[];
  /** Who answers requests that ask for none; undefined if that is by weights, or nobody. */
  readonly default: ExposedVersion | undefined;
}

/** Services of which several versions are served, and which one is the default now. */
export function documentedVersions(
  routes: readonly ExposedRoute[],
  traffic: Traffic,
): readonly DocumentedVersions[] {
  const served = new Set(
    routes
      .filter((route) => traffic.isOn(route))
      .map(({ contract }) => `${contract.name} ${contract.version}`),
  );
  return [...exposedVersions(routes)].flatMap(([service, all]) => {
    const versions = all.filter(({ version }) => served.has(`${service} ${version}`));
    if (versions.length < 2) return [];
    const { current, weights } = traffic.ruleOf(service) ?? {};
    const linked = current && all.findLast(({ version }) => fitsVersion(version, current));
    const preset = weights === undefined ? linked || all[0] : undefined;
    return [{ service, versions, default: versions.find((each) => each === preset) }];
  });
}

/** Adds how clients ask for a version, and which one they get if they do not. */
export function withVersions(
  document: OpenApiDocument,
  documented: readonly DocumentedVersions[],
): OpenApiDocument {
  if (documented.length === 0) return document;
  const info = document['info'] as Readonly<Record<string, unknown>>;
  const { description } = info;
  const told = [...(typeof description === 'string' ? [description] : []), wordsOf(documented)].join('\n\n');
  const paths = document['paths'] as Readonly<Record<string, Readonly<Record<string, Described>>>>;
  return {
    ...document,
    info: { ...info, description: told },
    paths: mapValues(paths, (item, path) =>
      mapValues(item, (operation) => {
        const versions = documented.find(({ service }) => operation.tags.includes(service));
        // The path says it.
        if (versions === undefined || /^\/v\d/.test(path)) return operation;
        return { ...operation, parameters: [...(operation.parameters ?? []), ...parametersFor(versions)] };
      }),
    ),
  };
}

interface Described {
  readonly tags: readonly string[];
  readonly parameters?: readonly object[];
}

function parametersFor({ versions, default: preset }: DocumentedVersions): readonly object[] {
  const schema = {
    type: 'string',
    enum: versions.map(({ short }) => short),
    ...(preset === undefined ? undefined : { default: preset.short }),
  };
  return ['header', 'query'].map((place) => ({ name: versionName, in: place, required: false, schema }));
}

function wordsOf(documented: readonly DocumentedVersions[]): string {
  const lines = documented.map(({ service, versions, default: preset }) => {
    const names = versions.map((each) => (each === preset ? `${each.short} (default)` : each.short));
    return `- ${service}: ${names.join(', ')}${preset === undefined ? ', without a fixed default' : ''}`;
  });
  return `Versions, asked for by the header or query parameter \`${versionName}\`, or by a path such as \`/v2\`; answers name theirs in \`${versionName}\`:\n\n${lines.join('\n')}`;
}

function mapValues<Before, After>(
  values: Readonly<Record<string, Before>>,
  change: (value: Before, name: string) => After,
): Readonly<Record<string, After>> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value, name)]));
}
