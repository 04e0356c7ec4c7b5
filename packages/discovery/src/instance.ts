/** One running copy of a service. */
export interface Instance {
  /** Unique among all instances that ever ran (a UUIDv7): a restarted service is a new instance. */
  readonly id: string;
  readonly service: string;
  /** `http://host:port`, or `https://` for mutual TLS; reachable from the callers; no path, no trailing slash. */
  readonly url: string;
  /** Version of the contract that the instance keeps. */
  readonly version: string;
  /** RFC 3339 UTC. */
  readonly startedAt: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The entry of an instance's metadata that says where it runs, such as a data centre. */
export const zoneLabel = 'zone';

const maxTextLength = 500;
const maxMetadataEntries = 50;

/**
 * A frozen copy of `value` with the fields of an {@link Instance} alone; what every registry applies before it lists one.
 * @throws TypeError naming the field that is wrong
 */
export function parseInstance(value: unknown): Instance {
  if (typeof value !== 'object' || value === null) {
    throw new TypeError('An instance is an object { id, service, url, version, startedAt }.');
  }
  const { id, service, url, version, startedAt, metadata } = value as Record<keyof Instance, unknown>;
  const instance = {
    id: text(id, 'id'),
    service: text(service, 'service'),
    url: instanceUrl(url),
    version: text(version, 'version'),
    startedAt: text(startedAt, 'startedAt'),
  };
  if (
    !/^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/.test(instance.startedAt) ||
    Number.isNaN(Date.parse(instance.startedAt))
  ) {
    throw new TypeError('Instance.startedAt must be RFC 3339 UTC, as new Date().toISOString() gives it.');
  }
  return Object.freeze(
    metadata === undefined ? instance : { ...instance, metadata: parseMetadata(metadata) },
  );
}

/** True for `http://host:port` or `https://host:port` and nothing more. */
export function isInstanceUrl(url: string): boolean {
  return /^https?:\/\/[^\s/?#@\\]+:\d{1,5}$/.test(url) && URL.canParse(url);
}

/** The order of every list: oldest first, then by id. */
export function byAge(left: Instance, right: Instance): number {
  return compare(left.startedAt, right.startedAt) || compare(left.id, right.id);
}

export function compare(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

function instanceUrl(url: unknown): string {
  const checked = text(url, 'url');
  if (!isInstanceUrl(checked)) {
    throw new TypeError(
      `Instance.url must be http://host:port or https://host:port, not ${JSON.stringify(checked)}.`,
    );
  }
  return checked;
}

function text(value: unknown, field: string): string {
  if (typeof value !== 'string' || value === '' || value.length > maxTextLength) {
    throw new TypeError(`Instance.${field} must be a text of 1 to ${maxTextLength} characters.`);
  }
  return value;
}

function parseMetadata(value: unknown): Readonly<Record<string, string>> {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  if (typeof value !== 'object' || value === null || entries.length > maxMetadataEntries) {
    throw new TypeError(`Instance.metadata must be an object of at most ${maxMetadataEntries} texts.`);
  }
  return Object.freeze(
    Object.fromEntries(entries.map(([name, entry]) => [name, text(entry, `metadata.${name}`)])),
  );
}
