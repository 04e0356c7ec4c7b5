import { ServiceError } from '@banyan/core';
import type { Startable, StoredSaga } from '@banyan/saga';
import { type VerbInput, wrong } from '../event-verbs/verb.ts';
import type { ServicePorts } from '../service-ports.ts';

export interface NamedSaga {
  readonly ports: ServicePorts;
  readonly saga: StoredSaga;
  /** As this checkout has it. */
  readonly definition: Startable | undefined;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The service that the first word names. @throws ServiceError `invalid_argument` `invalid_command_line` without one, `not_found` `no_service` */
export async function serviceWithSagas({ words, ports }: VerbInput, verb: string): Promise<ServicePorts> {
  const [name] = words;
  if (name === undefined) {
    throw wrong(`Name a service: banyan saga ${verb} NAME. With a database: ${ports.names.join(', ')}.`);
  }
  return ports.open(name);
}

/** `banyan saga VERB NAME ID`. @throws ServiceError `not_found` `no_saga` */
export async function sagaNamed(input: VerbInput, verb: string): Promise<NamedSaga> {
  const ports = await serviceWithSagas(input, verb);
  const [name = '', id] = input.words;
  if (id === undefined) throw wrong(`Name a saga: banyan saga ${verb} ${name} ID.`);
  return findSaga(ports, id);
}

/** @throws ServiceError `not_found` `no_saga` */
export async function findSaga(ports: ServicePorts, id: string): Promise<NamedSaga> {
  const { name } = ports.service;
  const saga = uuid.test(id) ? await ports.sagas.read(id) : undefined;
  if (saga === undefined) {
    throw new ServiceError(`'${name}' has no saga '${id.slice(0, 100)}'. See 'banyan saga ls ${name}'.`, {
      code: 'not_found',
      reason: 'no_saga',
    });
  }
  const definition = [...ports.service.sagas, ...ports.service.durable].find(
    (each) => each.name === saga.name && each.version === saga.version,
  );
  return { ports, saga, definition };
}
