import { randomUUID } from 'node:crypto';
import type { System } from '@banyan/banyan';
import { isBinary, type Operation, objectFields, toJsonSchema } from '@banyan/contract';

/** The public API of a running system, for tests that are made from what it exposes: a new route is tested as soon as it is there. */
export interface PublicApi {
  readonly system: System;
  readonly url: string;
  /** By name of the role: the headers by which one of it shows who they are. */
  readonly roles: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Bodies that the schema accepts, by `service.operation`, so that an answer speaks of who asked. Default `{}`. */
  readonly bodies?: Readonly<Record<string, unknown>>;
  /** Whom a route lets in, as its policy says. Default: everybody for `user`, and the role of that name for `scope:…`. */
  readonly admits?: (route: Route, role: string) => boolean;
}

export type Route = NonNullable<System['gateway']>['routes'][number];
type Headers = Readonly<Record<string, string>>;

export interface Answer {
  readonly status: number;
  readonly reason: unknown;
}

const withBody: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);
const nobody: Headers = {};
/** By which a careless program would believe to know who asks. */
const claims: Headers = {
  'banyan-user': 'staff',
  'banyan-user-id': 'staff',
  'banyan-scopes': 'staff',
  'banyan-caller': 'gateway',
  'x-user-id': 'staff',
  'x-forwarded-user': 'staff',
};

export const lineOf = ({ method, path, service, operation }: Route) =>
  `${method} ${path} (${service}.${operation})`;

/** Operations; applications that answer whole prefixes have rules of their own. */
export function routesOf({ system }: Pick<PublicApi, 'system'>): readonly Route[] {
  return (system.gateway?.routes ?? []).filter(({ method }) => method !== '*');
}

/** API5:2023, function level: each route with each role, nobody, a forged token and claims in headers. @returns what is wrong */
export async function wrongRoles(api: PublicApi): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const route of routesOf(api)) {
    const isOpen = route.policy === 'anyone';
    const strangers = { 'without a session': nobody, 'with claims in headers': claims };
    const forged = {
      'with a forged token': { authorization: 'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.' },
    };
    for (const [how, headers] of Object.entries({ ...strangers, ...(isOpen ? {} : forged) })) {
      const { status } = await ask(api, route, { headers });
      if ((status === 401) === isOpen || status >= 500) wrong.push(`${lineOf(route)}: ${status} ${how}`);
    }
    for (const [role, headers] of Object.entries(api.roles)) {
      const { status, reason } = await ask(api, route, { headers });
      const isRefused = status === 401 || reason === 'insufficient_scope';
      if (isRefused === admits(api, route, role) || status >= 500)
        wrong.push(`${lineOf(route)}: ${status} as ${role}`);
    }
  }
  return wrong;
}

/** API1:2023, object level: each route that takes an id, with ids of somebody else. @returns how many were tried, and what is wrong */
export async function reachedObjects(
  api: PublicApi,
  ids: Readonly<Record<string, string>>,
): Promise<{ readonly tried: number; readonly wrong: readonly string[] }> {
  const wrong: string[] = [];
  let tried = 0;
  for (const route of routesOf(api)) {
    if (!route.path.includes(':') || route.policy === 'anyone') continue;
    for (const [role, headers] of Object.entries(api.roles)) {
      if (!admits(api, route, role)) continue;
      tried += 1;
      const { status } = await ask(api, route, { headers, ids });
      if (status !== 404 && status !== 403) wrong.push(`${lineOf(route)}: ${status} as another ${role}`);
    }
  }
  return { tried, wrong };
}

/** API3:2023, mass assignment and exposure: inputs and outputs that take fields which no contract names. */
export function openSchemas(system: System): readonly string[] {
  return routesOf({ system }).flatMap((route) => {
    const operation = operationOf(system, route);
    if (operation === undefined) return [];
    const isOpen = (schema: Parameters<typeof toJsonSchema>[0]) =>
      objectFields(toJsonSchema(schema, 'output'))?.open === true;
    return [
      ...(isOpen(operation.input) ? [`${lineOf(route)}: input`] : []),
      ...(!isBinary(operation.output) && isOpen(operation.output) ? [`${lineOf(route)}: output`] : []),
    ];
  });
}

/** API4:2023, limits: a body that is too large, and one that is nested without end, to each route that reads JSON. @returns what is wrong */
export async function unlimitedBodies(api: PublicApi): Promise<readonly string[]> {
  const wrong: string[] = [];
  const large = JSON.stringify({ text: 'x'.repeat(2 * 1_048_576) });
  const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
  for (const route of routesOf(api)) {
    if (!withBody.has(route.method) || operationOf(api.system, route)?.upload !== undefined) continue;
    const [, headers] =
      Object.entries({ anyone: nobody, ...api.roles }).find(
        ([role]) => route.policy === 'anyone' || (role !== 'anyone' && admits(api, route, role)),
      ) ?? [];
    for (const [text, status] of [
      [large, 413],
      [deep, 400],
    ] as const) {
      const answer = await ask(api, route, { ...(headers && { headers }), text });
      if (answer.status !== status) wrong.push(`${lineOf(route)}: ${answer.status}, not ${status}`);
    }
  }
  return wrong;
}

interface Asked {
  readonly headers?: Headers;
  /** Values of what is in the path; whatever is missing is made up. */
  readonly ids?: Readonly<Record<string, string>>;
  /** Instead of the route's body. */
  readonly text?: string;
}

export async function ask(
  { url, bodies = {} }: Pick<PublicApi, 'url' | 'bodies'>,
  route: Route,
  { headers = nobody, ids = {}, text }: Asked = {},
): Promise<Answer> {
  const path = route.path.replaceAll(/:([A-Za-z]+)/g, (_, name: string) => ids[name] ?? randomUUID());
  const body = text ?? JSON.stringify(bodies[`${route.service}.${route.operation}`] ?? {});
  const answer = await fetch(new URL(path, url), {
    method: route.method,
    redirect: 'manual',
    headers: { ...(withBody.has(route.method) && { 'content-type': 'application/json' }), ...headers },
    ...(withBody.has(route.method) && { body }),
    signal: AbortSignal.timeout(20_000),
  });
  const answered = await answer.text();
  const isJson = /json/.test(answer.headers.get('content-type') ?? '') && answered !== '';
  const { reason } = isJson ? ((JSON.parse(answered) as { reason?: unknown } | null) ?? {}) : {};
  return { status: answer.status, reason };
}

function admits({ admits: own }: PublicApi, route: Route, role: string): boolean {
  if (own !== undefined) return own(route, role);
  const { policy } = route;
  return policy === 'anyone' || policy === 'user' || policy === `scope:${role}`;
}

function operationOf(system: System, route: Route): Operation | undefined {
  const contracts = [...system.services, ...system.development].map(({ contract }) => contract);
  return contracts.find(({ name, version }) => name === route.service && version === route.version)
    ?.operations[route.operation];
}
