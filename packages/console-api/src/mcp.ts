import {
  type Contract,
  inputValidator,
  type JsonSchema,
  type Operation,
  outputValidator,
  type Schema,
  toJsonSchema,
} from '@banyan/contract';
import { toServiceError } from '@banyan/core';
import { type Route, readJsonBody } from '@banyan/rpc';
import type { Target } from './api-routes.ts';
import { operationsApi } from './contract/operations-contract.ts';
import { telemetryApi } from './contract/telemetry-contract.ts';
import type { Asker, OperationsHandlers, TelemetryHandlers } from './handlers.ts';

export interface McpOptions {
  readonly version: string;
  readonly telemetry: Partial<TelemetryHandlers>;
  readonly operations: Partial<OperationsHandlers>;
}

interface Tool {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: JsonSchema;
  readonly call: (input: unknown, asker: Asker) => Promise<unknown>;
}

interface Message {
  readonly jsonrpc: '2.0';
  /** Absent from a notification, which gets no answer. */
  readonly id?: string | number;
  readonly method: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

/** Newest first; the client's own is answered if it is one of these. */
const protocolVersions = ['2025-11-25', '2025-06-18', '2025-03-26'] as const;

const errorCodes = { invalidRequest: -32_600, methodNotFound: -32_601, invalidParams: -32_602 } as const;

/**
 * The Model Context Protocol (https://modelcontextprotocol.io/specification) over streamable HTTP, so that coding assistants can ask the running system. Every
 * reading operation that has a handler is a tool; nothing can be changed. Stateless: no session, no stream, each request has its answer.
 */
export function mcpRoute(options: McpOptions): Route<Target> {
  const tools = new Map(toolsOf(options).map((tool) => [tool.name, tool]));
  return {
    method: 'POST',
    path: '/mcp',
    async target({ request, response, asker }) {
      const message: unknown = await readJsonBody(request);
      const answer = isMessage(message)
        ? await answerTo(message, { tools, version: options.version, asker })
        : failure(null, 'invalidRequest', 'Send one JSON-RPC 2.0 message.');
      if (answer === undefined) response.writeHead(202).end();
      else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    },
  };
}

function toolsOf({ telemetry, operations }: McpOptions): readonly Tool[] {
  return [...readingTools(telemetryApi, telemetry), ...readingTools(operationsApi, operations)];
}

function readingTools(contract: Contract, handlers: Readonly<Record<string, unknown>>): readonly Tool[] {
  return Object.values(contract.operations)
    .filter(({ method, name }) => method === 'GET' && handlers[name] !== undefined)
    .map((operation) => toTool(operation, handlers[operation.name] as Handler));
}

type Handler = (input: unknown, asker: Asker) => Promise<unknown>;

function toTool(operation: Operation, handler: Handler): Tool {
  const input = inputValidator(operation);
  const output = outputValidator(operation);
  const { name, summary = name, description } = operation;
  return {
    name,
    description: description === undefined ? summary : `${summary}. ${description}`,
    inputSchema: toJsonSchema(operation.input as Schema, 'input'),
    call: async (given, asker) => output.parse(await handler(input.parse(given), asker)),
  };
}

interface Answering {
  readonly tools: ReadonlyMap<string, Tool>;
  readonly version: string;
  readonly asker: Asker;
}

async function answerTo(message: Message, { tools, version, asker }: Answering): Promise<object | undefined> {
  const { id, method, params = {} } = message;
  if (id === undefined) return undefined;
  switch (method) {
    case 'initialize':
      return success(id, {
        protocolVersion:
          protocolVersions.find((each) => each === params['protocolVersion']) ?? protocolVersions[0],
        capabilities: { tools: {} },
        serverInfo: { name: 'banyan-console', version },
        instructions:
          'What a running Banyan system does: its map, traces, logs, metrics, errors, messages and sagas.',
      });
    case 'ping':
      return success(id, {});
    case 'tools/list':
      return success(id, { tools: [...tools.values()].map(({ call: _, ...tool }) => tool) });
    case 'tools/call': {
      const tool = tools.get(String(params['name']));
      if (tool === undefined)
        return failure(id, 'invalidParams', `There is no tool '${String(params['name']).slice(0, 100)}'.`);
      return success(id, await resultOf(tool, params['arguments'] ?? {}, asker));
    }
    default:
      return failure(id, 'methodNotFound', `There is no method '${method.slice(0, 100)}'.`);
  }
}

/** What a tool refuses is told to the assistant as a result, so that it can ask better. */
async function resultOf(tool: Tool, input: unknown, asker: Asker): Promise<object> {
  try {
    return { content: [{ type: 'text', text: JSON.stringify(await tool.call(input, asker)) }] };
  } catch (error) {
    const { message, details } = toServiceError(error);
    const text = details === undefined ? message : `${message} ${JSON.stringify(details)}`;
    return { content: [{ type: 'text', text }], isError: true };
  }
}

function isMessage(value: unknown): value is Message {
  if (typeof value !== 'object' || value === null) return false;
  const { jsonrpc, method, id, params } = value as Partial<Record<keyof Message, unknown>>;
  const idFits = id === undefined || typeof id === 'string' || typeof id === 'number';
  const paramsFit = params === undefined || (typeof params === 'object' && params !== null);
  return jsonrpc === '2.0' && typeof method === 'string' && idFits && paramsFit;
}

function success(id: string | number, result: object): object {
  return { jsonrpc: '2.0', id, result };
}

function failure(id: string | number | null, code: keyof typeof errorCodes, message: string): object {
  return { jsonrpc: '2.0', id, error: { code: errorCodes[code], message } };
}
