import type { OutputOf, Schema, StandardIssue } from '@banyan/contract';
import { type ConfigProperty, configProperties } from './config-properties.ts';
import { configError } from './errors.ts';
import { expectedType } from './expected-type.ts';
import { fromText } from './from-text.ts';
import { constantCase } from './variable-name.ts';

/** Where variables come from: the environment, or what `loadEnvironment` made of it. */
export type ConfigSource = Readonly<Record<string, string | undefined>>;

/** One variable that is missing or wrong. */
export interface ConfigProblem {
  readonly service: string;
  /** `<SERVICE>_*` for a rule over several properties. */
  readonly variable: string;
  /** In words: `a whole number from 1 to 100`. */
  readonly expected: string;
  /** Undefined if the variable is not set; `[secret]` instead of a secret. */
  readonly given: string | undefined;
  /** The whole problem in one line. */
  readonly message: string;
}

export interface ConfigResult<Value> {
  /** Undefined if there are problems. */
  readonly value: Value | undefined;
  readonly problems: readonly ConfigProblem[];
}

export interface ReadConfigOptions<S extends Schema> {
  readonly service: string;
  /** One object schema that validates synchronously. */
  readonly schema: S;
  readonly source: ConfigSource;
}

/**
 * Reads a service's configuration: each property from its variable (see `variableNameOf`), as the JSON type that the schema asks for, then validated by
 * the schema itself. An empty variable counts as not set.
 *
 * Lists are separated by commas (or written as a JSON array), objects are JSON, booleans are true/false, yes/no or 1/0.
 * @throws TypeError, with the fix in the text, if the schema is no object schema, cannot be described or validates asynchronously
 */
export function readConfig<S extends Schema>(options: ReadConfigOptions<S>): ConfigResult<OutputOf<S>> {
  const { service, schema, source } = options;
  const properties = configProperties(service, schema);
  const problems = new Map<string, ConfigProblem>();
  const input: Record<string, unknown> = {};
  for (const property of properties) {
    const text = textOf(source, property.variable);
    if (text === undefined) continue;
    const meaning = fromText(text, { schema: property.schema, root: property.schema });
    // The text itself in place of a value, so that rules over several properties do not judge a half-read configuration.
    setOwn(input, property.name, meaning === undefined ? text : meaning.value);
    if (meaning === undefined) problems.set(property.name, problemOf(service, property, { text }));
  }
  const result = schema['~standard'].validate(input);
  if (result instanceof Promise) {
    result.catch(() => {});
    throw new TypeError(`Configuration of service '${service}': use a schema that validates synchronously.`);
  }
  for (const issue of result.issues ?? []) {
    const name = nameOf(issue);
    if (problems.has(name)) continue;
    const property = properties.find((candidate) => candidate.name === name);
    problems.set(
      name,
      property === undefined
        ? ruleProblemOf(service, properties, issue)
        : problemOf(service, property, { text: textOf(source, property.variable), issue }),
    );
  }
  if (result.issues !== undefined || problems.size > 0) {
    return { value: undefined, problems: [...problems.values()] };
  }
  return { value: result.value as OutputOf<S>, problems: [] };
}

/** A service and the schema of its configuration, if it has one; services of `@banyan/chassis` fit. */
export interface ConfiguredService {
  readonly name: string;
  readonly config: Schema | undefined;
}

/**
 * The configuration of every service by name; `{}` for one without a schema.
 * @throws ServiceError `failed_precondition` `invalid_configuration` with one line per problem of every service; `details.problems` lists them
 * @throws TypeError as {@link readConfig}, and if two services would read the same variable
 */
export function readAllConfig(
  services: readonly ConfiguredService[],
  source: ConfigSource,
): ReadonlyMap<string, unknown> {
  checkSharedVariables(services);
  const values = new Map<string, unknown>();
  const problems: ConfigProblem[] = [];
  for (const { name, config } of services) {
    const result =
      config === undefined
        ? { value: {}, problems: [] }
        : readConfig({ service: name, schema: config, source });
    values.set(name, result.value);
    problems.push(...result.problems);
  }
  if (problems.length === 0) return values;
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
  const lines = problems.map((problem) => `\n  ${problem.message}`).join('');
  throw configError('invalid_configuration', {
    message: `The configuration has ${count}:${lines}`,
    details: { problems },
  });
}

function checkSharedVariables(services: readonly ConfiguredService[]): void {
  const owners = new Map<string, string>();
  for (const { name, config } of services) {
    if (config === undefined) continue;
    for (const { variable } of configProperties(name, config)) {
      const owner = owners.get(variable);
      if (owner !== undefined && owner !== name) {
        throw new TypeError(
          `Services '${owner}' and '${name}' both read ${variable}; rename the property of one.`,
        );
      }
      owners.set(variable, name);
    }
  }
}

function textOf(source: ConfigSource, variable: string): string | undefined {
  const text: unknown = Object.hasOwn(source, variable) ? source[variable] : undefined;
  return typeof text === 'string' && text !== '' ? text : undefined;
}

/** A property may be named `__proto__`. */
function setOwn(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}

function keysOf(issue: StandardIssue): readonly string[] {
  return (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part));
}

function nameOf(issue: StandardIssue): string {
  return keysOf(issue)[0] ?? '';
}

function problemOf(
  service: string,
  property: ConfigProperty,
  found: { readonly text: string | undefined; readonly issue?: StandardIssue },
): ConfigProblem {
  const { variable, secret } = property;
  const expected = expectedType({ schema: property.schema, root: property.schema });
  if (found.text === undefined) {
    return {
      service,
      variable,
      expected,
      given: undefined,
      message: `${service}: ${variable} is not set; expected ${expected}`,
    };
  }
  if (secret) {
    const message = `${service}: ${variable} is not valid (its value is secret); expected ${expected}`;
    return { service, variable, expected, given: '[secret]', message };
  }
  const given = shown(found.text);
  const within = found.issue === undefined ? '' : keysOf(found.issue).slice(1).join('.');
  const why =
    found.issue === undefined
      ? ''
      : ` (${within === '' ? '' : `${within}: `}${oneLine(found.issue.message)})`;
  const message = `${service}: ${variable} is ${given}; expected ${expected}${why}`;
  return { service, variable, expected, given, message };
}

function ruleProblemOf(
  service: string,
  properties: readonly ConfigProperty[],
  issue: StandardIssue,
): ConfigProblem {
  const variable = `${constantCase(service)}_*`;
  // The rule's own words may quote any property.
  const rule = properties.some((property) => property.secret)
    ? 'values that fit together (the rule may quote a secret and is not shown)'
    : oneLine(issue.message);
  return { service, variable, expected: rule, given: undefined, message: `${service}: ${variable}: ${rule}` };
}

const maxShownLength = 80;

/** Quoted, on one line, cut, and without the password of a URL. */
function shown(text: string): string {
  const bare = text.replace(/(:\/\/[^:/?#@\s]*):[^/?#\s]*@/g, '$1:***@');
  return oneLine(JSON.stringify(bare.length > maxShownLength ? `${bare.slice(0, maxShownLength)}…` : bare));
}

function oneLine(text: string): string {
  const line = text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu, ' ').trim();
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}
