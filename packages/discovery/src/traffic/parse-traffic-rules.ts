import { ServiceError } from '@banyan/core';
import { discoveryErrors } from '../errors.ts';
import type { Destination } from './destination.ts';
import type {
  ServiceTraffic,
  TrafficMatch,
  TrafficRules,
  VersionWatch,
  WeightedDestination,
} from './traffic-rules.ts';
import { isVersionText } from './version.ts';
import { watchedDestinations } from './watched-destinations.ts';

/**
 * Reads rules that somebody wrote.
 * @throws ServiceError `invalid_argument` `invalid_traffic_rules`, naming the place that is wrong and what belongs there
 */
export function parseTrafficRules(value: unknown): TrafficRules {
  const {
    services = {},
    routes = {},
    moved = {},
  } = fieldsOf(value, 'the rules', ['services', 'routes', 'moved']);
  const shares = mapEntries(moved, 'moved', parsePercentage);
  return {
    services: mapEntries(services, 'services', (entry, at) => parseServiceTraffic(entry, at)),
    routes: mapEntries(routes, 'routes', (entry, at) => {
      if (entry === 'on' || entry === 'off') return entry;
      throw wrong(at, "is 'on' or 'off'");
    }),
    // A gateway of an earlier release would refuse the whole document.
    ...(Object.keys(shares).length === 0 ? undefined : { moved: shares }),
  };
}

/** @param at where it stands, for the message; @throws what `parseTrafficRules` throws */
export function parseServiceTraffic(value: unknown, at: string): ServiceTraffic {
  const fields = fieldsOf(value, at, ['matches', 'current', 'weights', 'sticky', 'watch']);
  const { matches, current, weights, sticky, watch } = fields;
  if (current !== undefined && weights !== undefined) throw wrong(at, "has 'current' or 'weights', not both");
  if (sticky !== undefined && typeof sticky !== 'boolean') throw wrong(`${at}.sticky`, 'is true or false');
  if (sticky === true && weights === undefined) throw wrong(`${at}.sticky`, "needs 'weights'");
  const rule = {
    ...(matches === undefined
      ? undefined
      : {
          matches: listOf(matches, `${at}.matches`).map((each, index) =>
            parseMatch(each, `${at}.matches[${index}]`),
          ),
        }),
    ...(current === undefined ? undefined : { current: parseVersion(current, `${at}.current`) }),
    ...(weights === undefined ? undefined : { weights: parseWeights(weights, `${at}.weights`) }),
    ...(sticky === undefined ? undefined : { sticky }),
    ...(watch === undefined ? undefined : { watch: parseWatch(watch, `${at}.watch`) }),
  };
  if (rule.watch !== undefined && watchedDestinations(rule).length === 0)
    throw wrong(`${at}.watch.back`, "is another version than what 'current' or 'weights' send to");
  return rule;
}

function parseMatch(value: unknown, at: string): TrafficMatch {
  const { header, cookie, users, to } = fieldsOf(value, at, ['header', 'cookie', 'users', 'to']);
  if (header === undefined && cookie === undefined && users === undefined)
    throw wrong(at, "names a 'header', a 'cookie' or 'users'");
  return {
    ...(header === undefined
      ? undefined
      : { header: parseNamed(header, `${at}.header`, (name) => name.toLowerCase()) }),
    ...(cookie === undefined ? undefined : { cookie: parseNamed(cookie, `${at}.cookie`, (name) => name) }),
    ...(users === undefined ? undefined : { users: parseUsers(users, `${at}.users`) }),
    to: parseDestination(to, `${at}.to`),
  };
}

function parseNamed(
  value: unknown,
  at: string,
  toName: (name: string) => string,
): { name: string; value: string } {
  const fields = fieldsOf(value, at, ['name', 'value']);
  // RFC 9110, 5.6.2: a token, which the names of headers and cookies are.
  if (typeof fields['name'] !== 'string' || !/^[\w!#$%&'*+.^`|~-]{1,100}$/.test(fields['name']))
    throw wrong(`${at}.name`, 'is a name of at most 100 characters');
  return { name: toName(fields['name']), value: parseText(fields['value'], `${at}.value`) };
}

function parseUsers(value: unknown, at: string): readonly string[] {
  const users = listOf(value, at).map((user, index) => parseText(user, `${at}[${index}]`));
  if (users.length === 0) throw wrong(at, 'names a user');
  return users;
}

function parseWeights(value: unknown, at: string): readonly WeightedDestination[] {
  const weights = listOf(value, at).map((each, index) => {
    const { weight, ...to } = fieldsOf(each, `${at}[${index}]`, ['version', 'label', 'weight']);
    if (!(Number.isSafeInteger(weight) && (weight as number) >= 0 && (weight as number) <= 1_000_000))
      throw wrong(`${at}[${index}].weight`, 'is a whole number from 0 to 1,000,000');
    return { ...parseDestination(to, `${at}[${index}]`), weight: weight as number };
  });
  if (!weights.some(({ weight }) => weight > 0)) throw wrong(at, 'has a weight above 0');
  return weights;
}

function parseWatch(value: unknown, at: string): VersionWatch {
  const { back, target, withinMs } = fieldsOf(value, at, ['back', 'target', 'withinMs']);
  if (!(typeof target === 'number' && target > 0 && target < 1))
    throw wrong(`${at}.target`, 'is a share above 0 and below 1, such as 0.99');
  if (withinMs !== undefined && !(typeof withinMs === 'number' && withinMs >= 1 && withinMs <= 600_000))
    throw wrong(`${at}.withinMs`, 'is a time from 1 to 600,000 milliseconds');
  return {
    back: parseVersion(back, `${at}.back`),
    target,
    ...(withinMs === undefined ? undefined : { withinMs }),
  };
}

function parseDestination(value: unknown, at: string): Destination {
  const { version, label } = fieldsOf(value, at, ['version', 'label']);
  if (version === undefined && label === undefined) throw wrong(at, "names a 'version', a 'label' or both");
  if (label !== undefined && !(typeof label === 'string' && /^[a-z0-9][a-z0-9-]{0,49}$/.test(label)))
    throw wrong(`${at}.label`, 'is a label in kebab-case, at most 50 characters');
  return {
    ...(version === undefined ? undefined : { version: parseVersion(version, `${at}.version`) }),
    ...(label === undefined ? undefined : { label: label as string }),
  };
}

function parsePercentage(value: unknown, at: string): number {
  if (typeof value === 'number' && value >= 0 && value <= 100) return value;
  throw wrong(at, 'is a percentage, 0 to 100');
}

function parseVersion(value: unknown, at: string): string {
  if (isVersionText(value)) return value;
  throw wrong(at, "is a version such as '2', '2.1' or '2.1.0'");
}

function parseText(value: unknown, at: string): string {
  if (typeof value === 'string' && value.length > 0 && value.length <= 500) return value;
  throw wrong(at, 'is a text of 1 to 500 characters');
}

function listOf(value: unknown, at: string): readonly unknown[] {
  if (Array.isArray(value) && value.length <= 1_000) return value;
  throw wrong(at, 'is a list of at most 1,000');
}

function mapEntries<Entry>(
  value: unknown,
  at: string,
  parse: (entry: unknown, at: string) => Entry,
): Readonly<Record<string, Entry>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(at, 'is an object');
  return Object.fromEntries(
    Object.entries(value).map(([name, entry]) => [name, parse(entry, `${at}['${name}']`)]),
  );
}

function fieldsOf(value: unknown, at: string, known: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(at, 'is an object');
  const strange = Object.keys(value).find((name) => !known.includes(name));
  if (strange !== undefined) throw wrong(`${at}.${strange}`, `is unknown; there are ${known.join(', ')}`);
  return value as Readonly<Record<string, unknown>>;
}

function wrong(at: string, what: string): ServiceError {
  const { code } = discoveryErrors.invalid_traffic_rules;
  return new ServiceError(`Nothing was changed: ${at} ${what}.`, { code, reason: 'invalid_traffic_rules' });
}
