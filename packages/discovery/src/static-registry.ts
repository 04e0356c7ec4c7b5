import { discoveryError } from './errors.ts';
import { type Instance, isInstanceUrl, parseInstance } from './instance.ts';
import { createInstanceList, type InstanceList } from './instance-list.ts';
import type { InstanceStatus, Registration, Registry, ServiceWatch } from './registry.ts';

const example = 'static:orders=http://10.0.0.1:4001,http://10.0.0.2:4001;payments=http://10.0.0.3:4002';
const maxInstances = 10_000;

/**
 * A registry of fixed addresses: `static:orders=http://a:1,http://b:2;payments=http://c:3`. Instances never come or go; `register` succeeds
 * and lists nothing, because the addresses are the operator's to say. Versions and start times are not known: `unknown`, 1970.
 * @throws ServiceError `failed_precondition` `invalid_static_registry`, with the fix in the text
 */
export function createStaticRegistry(spec: string): Registry {
  return new StaticRegistry(parseStaticRegistry(spec));
}

function parseStaticRegistry(spec: string): readonly Instance[] {
  if (typeof spec !== 'string' || !spec.startsWith('static:')) {
    throw invalid(`A fixed registry starts with 'static:'`);
  }
  const instances = new Map<string, Instance>();
  for (const part of spec.slice('static:'.length).split(';')) {
    if (part.trim() === '') continue;
    const [name = '', addresses, ...rest] = part.split('=').map((piece) => piece.trim());
    if (!/^[A-Za-z][A-Za-z0-9-]{0,99}$/.test(name)) {
      throw invalid(`${quote(name)} is no service name (letters, digits and '-')`);
    }
    if (addresses === undefined || rest.length > 0) {
      throw invalid(`${quote(part)} needs the form service=http://host:port`);
    }
    for (const url of addresses.split(',').map((piece) => piece.trim())) {
      addInstance(instances, name, url);
    }
  }
  if (instances.size === 0) throw invalid('It names no service');
  return [...instances.values()];
}

function addInstance(instances: Map<string, Instance>, service: string, url: string): void {
  if (!isInstanceUrl(url)) {
    throw invalid(`${quote(url)} of '${service}' is no http://host:port without path and user`);
  }
  const id = `static:${service}:${url}`;
  if (instances.has(id)) throw invalid(`'${service}' names ${url} twice; remove one`);
  if (instances.size === maxInstances) throw invalid(`It names more than ${maxInstances} instances`);
  instances.set(
    id,
    parseInstance({ id, service, url, version: 'unknown', startedAt: '1970-01-01T00:00:00Z' }),
  );
}

function invalid(problem: string) {
  return discoveryError('invalid_static_registry', { message: `${problem}. Write it as ${example}` });
}

function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}

class StaticRegistry implements Registry {
  readonly staleAfterMs = Number.POSITIVE_INFINITY;
  readonly #lists = new Map<string, InstanceList>();
  readonly #statuses: readonly InstanceStatus[];
  #closed = false;

  constructor(instances: readonly Instance[]) {
    const services = [...new Set(instances.map((instance) => instance.service))].sort();
    for (const service of services)
      this.#listOf(service).set(instances.filter((one) => one.service === service));
    this.#statuses = services.flatMap((service) =>
      this.#listOf(service)
        .watch()
        .instances()
        .map((instance) => ({ instance, expiresAt: undefined })),
    );
  }

  async register(instance: Instance): Promise<Registration> {
    const parsed = parseInstance(instance);
    if (this.#closed) throw discoveryError('registry_closed');
    return { instance: parsed, deregister: async () => {} };
  }

  watch(service: string): ServiceWatch {
    if (this.#closed) throw discoveryError('registry_closed');
    return this.#listOf(service).watch();
  }

  async list(): Promise<readonly InstanceStatus[]> {
    if (this.#closed) throw discoveryError('registry_closed');
    return this.#statuses;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const list of this.#lists.values()) list.close();
  }

  #listOf(service: string): InstanceList {
    let list = this.#lists.get(service);
    if (list === undefined) {
      list = createInstanceList(service);
      list.set([]);
      this.#lists.set(service, list);
    }
    return list;
  }
}
