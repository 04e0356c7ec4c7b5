import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { operationsApi } from '@banyan/console-api';
import {
  createHttpBinding,
  type InputOf,
  type Operation,
  type OutputOf,
  outputValidator,
} from '@banyan/contract';
import { fromProblem, ServiceError } from '@banyan/core';
import type { CommandInput } from '../command.ts';
import type { DataFolder } from '../data-folder.ts';
import { dataDirectory } from '../system-directory.ts';
import type { Terminal } from '../terminal.ts';

/** Asks the console of a running system what its pages ask. */
export interface ConsoleClient {
  readonly url: string;
  /** @throws ServiceError what the console answers; `failed_precondition` `not_running` if it does not */
  ask<Op extends Operation>(operation: Op, input: InputOf<Op['input']>): Promise<OutputOf<Op['output']>>;
  /** Server-sent events until the console or `signal` ends them. Resolves once the console has begun: none from then on is left out. */
  watch(query: URLSearchParams, signal: AbortSignal): Promise<AsyncIterable<LiveEvent>>;
}

export interface LiveEvent {
  readonly name: string;
  /** Parsed JSON. */
  readonly data: unknown;
}

const fileIn = (folderPath: string) => join(folderPath, 'console');

interface ConsolePlace {
  readonly url: string;
  /** Of the start that serves it: after a kill the port may be another system's. */
  readonly runId: string;
}

/** Writes down where the console is. @returns a function that takes it back */
export async function tellConsole(folder: DataFolder, place: ConsolePlace): Promise<() => Promise<void>> {
  const file = fileIn(folder.path);
  await writeFile(file, `${JSON.stringify(place)}\n`);
  return () => rm(file, { force: true });
}

/** The console of the system that runs in this folder. @throws ServiceError `failed_precondition` `not_running` */
export async function findConsole(input: CommandInput, terminal: Terminal): Promise<ConsoleClient> {
  try {
    const place: unknown = JSON.parse(await readFile(fileIn(dataDirectory(input, terminal)), 'utf8'));
    const { url, runId } = place as ConsolePlace;
    const client = clientOf(url);
    if ((await client.ask(operationsApi.operations.getSystem, {})).runId === runId) return client;
  } catch (cause) {
    throw notRunning(cause);
  }
  throw notRunning();
}

function clientOf(url: string): ConsoleClient {
  return {
    url,
    async ask(operation, input) {
      const { path, query, body } = createHttpBinding(operation).toRequest(input);
      const answer = await reach(`${url}${path}${query === '' ? '' : `?${query}`}`, {
        method: operation.method,
        ...(body === undefined
          ? undefined
          : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      });
      const json: unknown = await answer.json();
      if (!answer.ok) throw fromProblem(json, answer.status);
      return outputValidator(operation).parse(json) as never;
    },
    async watch(query, signal) {
      const answer = await reach(`${url}/api/live?${query}`, { signal });
      if (!answer.ok) throw fromProblem(await answer.json(), answer.status);
      return eventsOf(answer.body);
    },
  };
}

async function reach(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (cause) {
    if (init.signal?.aborted) throw cause;
    throw notRunning(cause);
  }
}

/** https://html.spec.whatwg.org/multipage/server-sent-events.html, as far as the console uses it. */
async function* eventsOf(body: ReadableStream<Uint8Array> | null): AsyncIterable<LiveEvent> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const bytes of body ?? []) {
    text += decoder.decode(bytes, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const name = /^event: (.*)$/m.exec(block)?.[1];
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (name !== undefined && data !== undefined) yield { name, data: JSON.parse(data) as unknown };
    }
  }
}

function notRunning(cause?: unknown): ServiceError {
  return new ServiceError(
    "No console runs here: 'banyan up' starts one in development, without CONSOLE_PORT=off. In production open the page of 'banyan console', or name another receiver in OTEL_EXPORTER_OTLP_ENDPOINT and read /metrics.",
    {
      code: 'failed_precondition',
      reason: 'not_running',
      cause,
    },
  );
}
