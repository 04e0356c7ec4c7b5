import type { Server, Socket } from 'node:net';
import { ServiceError } from '@banyan/core';
import type { SupervisorChannel } from '../supervised.ts';
import type { FromConsole, SystemView, ToConsole } from './console-talk.ts';
import {
  type ControlledSystem,
  type ControlVerb,
  controlVerbs,
  type ProcessControl,
} from './controlled-system.ts';
import { holdConnections } from './held-connections.ts';
import { notPossible } from './not-possible.ts';

export interface SupervisedSystem extends ControlledSystem {
  /** The console's port. */
  readonly listener: Server;
  /** Connections that came before there was a server for them; see `ConsoleServerOptions.early`. */
  readonly early: () => readonly Socket[];
}

/** Asks the supervisor for the port of the console, and for what runs. @throws ServiceError `failed_precondition` `port_taken` */
export async function joinSystem(channel: SupervisorChannel): Promise<SupervisedSystem> {
  const say = (body: FromConsole) => channel.talk(body);
  const begun = Promise.withResolvers<Server>();
  const listeners = new Set<() => void>();
  const deeds = new Map<number, PromiseWithResolvers<unknown>>();
  let view: SystemView | undefined;
  let lastId = 0;
  let early: () => readonly Socket[] = () => [];
  channel.onTalk((body, handle) => {
    const told = body as ToConsole;
    switch (told.tell) {
      case 'begin':
        view = told.system;
        // At once: the handle accepts from now on.
        early = holdConnections(handle as Server);
        begun.resolve(handle as Server);
        return;
      case 'taken':
        begun.reject(portTaken(told.message));
        return;
      case 'system':
        view = told.system;
        for (const listener of listeners) listener();
        return;
      case 'done': {
        const deed = deeds.get(told.id);
        deeds.delete(told.id);
        if (told.problem === undefined) deed?.resolve(told.value);
        // Mostly what a process said that did not come up.
        else deed?.reject(notPossible(told.problem));
      }
    }
  });
  const act =
    (verb: ControlVerb | 'slow') =>
    (...words: unknown[]) => {
      lastId += 1;
      const deed = Promise.withResolvers<unknown>();
      deeds.set(lastId, deed);
      say({ ask: 'control', id: lastId, verb, words });
      return deed.promise;
    };
  const slow = act('slow');
  const control = Object.fromEntries(controlVerbs.map((verb) => [verb, act(verb)])) as ProcessControl;
  say({ ask: 'begin' });
  const listener = await begun.promise;
  return {
    ...{ listener, early },
    processes: () => view?.processes.map((each) => ({ ...each, delaysMs: new Map(each.delaysMs) })) ?? [],
    publicUrl: () => view?.publicUrl,
    onChange(told) {
      listeners.add(told);
      return () => void listeners.delete(told);
    },
    slow: async (service, delayMs) => (await slow(service, delayMs)) === true,
    control: view?.isControlled === true ? control : undefined,
  };
}

function portTaken(message: string): ServiceError {
  return new ServiceError(message, { code: 'failed_precondition', reason: 'port_taken' });
}
