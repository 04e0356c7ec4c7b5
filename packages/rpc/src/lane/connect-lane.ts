import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { fromProblem, ServiceError } from '@banyan/core';
import type { Transport } from '../client/transport.ts';
import { type ClientLink, type ClientLinkOptions, openClientLink } from './client-link.ts';
import { laneProtocol } from './frame.ts';

export interface LaneTarget extends Omit<ClientLinkOptions, 'socket' | 'token'> {
  /** `http://host:port`, or `https://` as the transport has it. */
  readonly url: string;
  readonly transport: Transport;
}

/**
 * Opens a lane. Resolves with undefined if the other side speaks HTTP but no lane.
 * @throws ServiceError `unavailable` `connection_refused`, `notStarted`; what the callee refuses the token with
 */
export async function connectLane(target: LaneTarget): Promise<ClientLink | undefined> {
  const token = await target.tokens.issue(target.service);
  const socket = await upgrade(target, token);
  return socket === undefined ? undefined : openClientLink({ ...target, socket, token });
}

/** The callee may take this long to answer before it counts as not there. */
const connectTimeoutMs = 5_000;

function upgrade(target: LaneTarget, token: string): Promise<Duplex | undefined> {
  return new Promise((resolve, reject) => {
    const headers = { connection: 'Upgrade', upgrade: laneProtocol, authorization: `Bearer ${token}` };
    const request = target.transport.request(`${target.url}/`, { headers }, 'own');
    const cancelTimer = target.clock.setTimer(
      () => request.destroy(new Error('No answer.')),
      connectTimeoutMs,
    );
    request.on('upgrade', (_, socket, head) => {
      cancelTimer();
      socket.setNoDelay(true);
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    request.on('response', (response) => {
      cancelTimer();
      if (response.statusCode === 401) rejectWithProblem(response, reject);
      else {
        response.destroy();
        resolve(undefined);
      }
    });
    request.on('error', (cause) => {
      cancelTimer();
      reject(connectionRefused(target.service, cause));
    });
    request.end();
  });
}

function rejectWithProblem(response: IncomingMessage, reject: (error: unknown) => void): void {
  let text = '';
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    text += chunk;
    if (text.length > 65_536) response.destroy();
  });
  response.on('close', () => {
    try {
      reject(fromProblem(JSON.parse(text), 401));
    } catch (cause) {
      reject(
        new ServiceError('The service refused the token.', {
          code: 'unauthenticated',
          reason: 'invalid_service_token',
          cause,
        }),
      );
    }
  });
}

export function connectionRefused(service: string, cause: unknown): ServiceError {
  return new ServiceError(`No connection to '${service}' could be made.`, {
    code: 'unavailable',
    reason: 'connection_refused',
    notStarted: true,
    cause,
  });
}
