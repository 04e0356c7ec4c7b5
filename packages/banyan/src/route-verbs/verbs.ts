import type { EdgeRoute } from '@banyan/chassis';
import {
  destinationText,
  type ServiceTraffic,
  type VersionWatch,
  type WeightedDestination,
} from '@banyan/discovery';
import { createTrafficAdmin, type Reason, type TrafficAdmin } from '@banyan/gateway';
import { actor, limitOf, readJson, type VerbInput, wrong } from '../event-verbs/verb.ts';
import { renderTable } from '../table.ts';

/** `banyan routes ls`: the routes as they are served now, and the rules of services that have one. */
export async function ls(input: VerbInput): Promise<number> {
  const { rules, version } = await adminOf(input).rules();
  const routes = routesOf(input).map((route) => ({
    ...route,
    switched: rules.routes[`${route.service}.${route.operation}`],
  }));
  if (input.options['json'] === true) {
    const { services, moved: said = {} } = rules;
    input.terminal.write(`${JSON.stringify({ version, routes, services, moved: said }, null, 2)}\n`);
    return 0;
  }
  const rows = routes.map(({ method, path, service, operation, version: of, switched = '' }) => [
    method,
    path,
    `${service}.${operation}`,
    of,
    switched,
  ]);
  input.terminal.write(renderTable(['method', 'path', 'operation', 'version', 'switched'], rows));
  const services = Object.entries(rules.services).map(([service, rule]) => [service, ruleText(rule)]);
  if (services.length > 0)
    input.terminal.write(`\n${renderTable(['service', 'without a version it goes to'], services)}`);
  const shares = Object.entries(rules.moved ?? {}).map(([path, percent]) => [path, `${percent} %`]);
  if (shares.length > 0)
    input.terminal.write(`\n${renderTable(['path', 'moved from the old system'], shares)}`);
  return 0;
}

/** `banyan routes link SERVICE VERSION`: all requests that ask for no version go there. */
export async function link(input: VerbInput): Promise<number> {
  const [service, version] = input.words;
  if (service === undefined || version === undefined)
    throw wrong('Name a service and a version: banyan routes link SERVICE VERSION.');
  return done(
    input,
    await adminOf(input).link(service, version, { ...reasonOf(input), watch: watchOf(input) }),
  );
}

/** `banyan routes weight SERVICE 1=95 2=5`: spreads the requests that ask for no version. */
export async function weight(input: VerbInput): Promise<number> {
  const [service, ...shares] = input.words;
  if (service === undefined || shares.length === 0)
    throw wrong('Name a service and shares: banyan routes weight SERVICE 1=95 2=5 @canary=1.');
  const sticky = input.options['sticky'] === true;
  const weights = shares.map(parseShare);
  const reason = { ...reasonOf(input), watch: watchOf(input), sticky };
  return done(input, await adminOf(input).weigh(service, weights, reason));
}

/** `banyan routes set SERVICE --file FILE`: the whole rule of a service as JSON. */
export async function set(input: VerbInput): Promise<number> {
  const [service] = input.words;
  if (service === undefined) throw wrong('Name a service: banyan routes set SERVICE --file FILE.');
  const rule = await readJson(input, 'the rule of a service');
  // Checked where every rule is.
  return done(input, await adminOf(input).set(service, rule as ServiceTraffic, reasonOf(input)));
}

/** `banyan routes clear SERVICE`: forgets its rule. */
export async function clear(input: VerbInput): Promise<number> {
  const [service] = input.words;
  if (service === undefined) throw wrong('Name a service: banyan routes clear SERVICE.');
  return done(input, await adminOf(input).clear(service, reasonOf(input)));
}

/** `banyan routes on SERVICE.OPERATION`. */
export function on(input: VerbInput): Promise<number> {
  return switchRoute(input, 'on');
}

/** `banyan routes off SERVICE.OPERATION`. */
export function off(input: VerbInput): Promise<number> {
  return switchRoute(input, 'off');
}

/** `banyan routes moved PATH PERCENT`: how many of each hundred clients have left an old system; `declared` forgets what was said. */
export async function moved(input: VerbInput): Promise<number> {
  const [forwarding, share] = input.words;
  const percent = share === 'declared' ? undefined : Number(share);
  if (forwarding === undefined || share === undefined || share === '' || Number.isNaN(percent))
    throw wrong("Name a path that is forwarded and a percentage: banyan routes moved '/legacy/*' 30.");
  return done(input, await adminOf(input).move(forwarding, percent, reasonOf(input)));
}

/** `banyan routes history`: who changed the rules and why, newest first. */
export async function history(input: VerbInput): Promise<number> {
  const versions = await adminOf(input).history(Math.min(limitOf(input), 1_000));
  if (input.options['json'] === true) input.terminal.write(`${JSON.stringify(versions, null, 2)}\n`);
  else if (versions.length === 0) input.terminal.write('Nobody has changed anything.\n');
  else {
    const rows = versions.map(({ version, at, by, why }) => [String(version), at, by, why]);
    input.terminal.write(renderTable(['version', 'at', 'by', 'why'], rows));
  }
  return 0;
}

/** `banyan routes revert VERSION`: puts the rules of an earlier version in force again; 0 for none. */
export async function revert(input: VerbInput): Promise<number> {
  const version = Number(input.words[0] ?? Number.NaN);
  if (!Number.isSafeInteger(version) || version < 0)
    throw wrong("Name a version of the rules: banyan routes revert N. See 'banyan routes history'.");
  return done(input, await adminOf(input).revert(version, reasonOf(input)));
}

async function switchRoute(input: VerbInput, to: 'on' | 'off'): Promise<number> {
  const [route] = input.words;
  if (route === undefined) throw wrong(`Name a route: banyan routes ${to} SERVICE.OPERATION.`);
  return done(input, await adminOf(input).switchRoute(route, to, reasonOf(input)));
}

function adminOf({ ports }: VerbInput): TrafficAdmin {
  const { documents, instances, system } = ports;
  return createTrafficAdmin({ documents, instances, routes: system.gateway?.routes ?? [] });
}

function routesOf({ ports }: VerbInput): readonly EdgeRoute[] {
  return ports.system.gateway?.routes ?? [];
}

function reasonOf(input: VerbInput): Reason {
  const { why } = input.options;
  if (typeof why !== 'string' || why.trim() === '') throw wrong("Say why, for the history: --why 'TEXT'.");
  return { by: actor(input), why };
}

/** `--back 1 --target 0.99 --within 500`; numbers are checked where every rule is. */
function watchOf({ options: { back, target, within } }: VerbInput): VersionWatch | undefined {
  if (typeof back === 'string')
    return {
      back,
      target: Number(target ?? 0.99),
      ...(within === undefined ? undefined : { withinMs: Number(within) }),
    };
  if (target === undefined && within === undefined) return undefined;
  throw wrong('Say where requests go when the promise is broken: --back VERSION.');
}

function done({ terminal }: VerbInput, { version }: { readonly version: number }): number {
  terminal.write(`Version ${version} of the rules is in force, everywhere within 5 s.\n`);
  return 0;
}

/** `2=95`, `@canary=5`, `2@canary=5`. */
function parseShare(text: string): WeightedDestination {
  const [, version, label, share] = /^([^=@]*)(?:@([^=]*))?=(\d+)$/.exec(text) ?? [];
  if (share === undefined) throw wrong(`Write a share as 2=95, @canary=5 or 2@canary=5, not '${text}'.`);
  return {
    ...(version === undefined || version === '' ? undefined : { version }),
    ...(label === undefined ? undefined : { label }),
    weight: Number(share),
  };
}

function ruleText({ matches = [], current, weights, sticky = false, watch }: ServiceTraffic): string {
  const rest =
    current ??
    weights?.map((each) => `${destinationText(each)}=${each.weight}`).join(' ') ??
    'the lowest version';
  const before = matches.length === 0 ? '' : `, after ${matches.length} matches`;
  return `${rest}${sticky ? ', sticky' : ''}${before}${watch === undefined ? '' : watchText(watch)}`;
}

function watchText({ back, target, withinMs }: VersionWatch): string {
  const time = withinMs === undefined ? '' : ` within ${withinMs} ms`;
  return `, back to ${back} below ${target * 100} % good calls${time}`;
}
