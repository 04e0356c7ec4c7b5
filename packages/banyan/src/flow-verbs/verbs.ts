import { writeFile } from 'node:fs/promises';
import { ServiceError } from '@banyan/core';
import {
  drawFlow,
  type FlowDefinition,
  type FlowView,
  flowStatuses,
  flowView,
  listFlows,
} from '@banyan/flow';
import { actor, limitOf, type VerbInput, wrong } from '../event-verbs/verb.ts';
import type { ServicePorts } from '../service-ports.ts';
import { renderTable } from '../table.ts';

const statuses = [...flowStatuses, 'late'] as const;

/** `banyan flow ls NAME FLOW`: newest first. */
export async function ls(input: VerbInput): Promise<number> {
  const { ports, definition } = await flowNamed(input, 'ls');
  const { status, after } = input.options;
  const wanted = statuses.find((each) => each === status);
  if (status !== undefined && wanted === undefined) throw wrong(`--status is one of ${statuses.join(', ')}.`);
  const page = await listFlows(ports.flows, definition, {
    ...(wanted === undefined ? undefined : { status: wanted }),
    ...(typeof after === 'string' ? { after } : undefined),
    limit: Math.min(limitOf(input), 1_000),
  });
  if (input.options['json'] === true) input.terminal.write(`${JSON.stringify(page, null, 2)}\n`);
  else if (page.flows.length === 0) input.terminal.write('No flows.\n');
  else {
    const rows = page.flows.map((view) => [
      view.key,
      standingOf(view),
      view.startedAt,
      view.lastAt,
      placeOf(view),
    ]);
    input.terminal.write(renderTable(['key', 'status', 'started', 'last event', 'where'], rows));
    if (page.next !== undefined) input.terminal.write(`\nMore: --after ${page.next}\n`);
  }
  return 0;
}

/** `banyan flow show NAME FLOW KEY`: each step with its times, and what it waits for, as JSON; `--svg` draws the path that it took. */
export async function show(input: VerbInput): Promise<number> {
  const { ports, definition } = await flowNamed(input, 'show');
  const stored = await ports.flows.read({ flow: definition.name, key: keyNamed(input, definition, 'show') });
  if (stored === undefined) throw noFlow(input);
  const view = flowView(definition, stored);
  const { svg } = input.options;
  if (typeof svg === 'string') await writeFile(svg, drawFlow(definition, view));
  input.terminal.write(typeof svg === 'string' ? `${svg}\n` : `${JSON.stringify(view, null, 2)}\n`);
  return 0;
}

/** `banyan flow dismiss NAME FLOW KEY`: nobody waits for it any more, so it is no longer late. */
export async function dismiss(input: VerbInput): Promise<number> {
  const { ports, definition } = await flowNamed(input, 'dismiss');
  const key = keyNamed(input, definition, 'dismiss');
  if (!(await ports.flows.dismiss({ flow: definition.name, key }, actor(input)))) throw noFlow(input);
  input.terminal.write('It is dismissed.\n');
  return 0;
}

/** `banyan flow audit NAME`: what operators did, newest first. */
export async function audit(input: VerbInput): Promise<number> {
  const { flows } = await input.ports.open(serviceNamed(input, 'audit'));
  const entries = await flows.audit(limitOf(input));
  if (input.options['json'] === true) input.terminal.write(`${JSON.stringify(entries, null, 2)}\n`);
  else if (entries.length === 0) input.terminal.write('Nobody has done anything.\n');
  else {
    const rows = entries.map(({ at, actor: by, action, flow, key }) => [at, by, action, flow, key]);
    input.terminal.write(renderTable(['at', 'by', 'action', 'flow', 'key'], rows));
  }
  return 0;
}

interface NamedFlow {
  readonly ports: ServicePorts;
  readonly definition: FlowDefinition;
}

/** The flow that the second word names; a service's only one needs no name if no key follows. */
async function flowNamed(input: VerbInput, verb: string): Promise<NamedFlow> {
  const name = serviceNamed(input, verb);
  const [, flowName] = input.words;
  const ports = await input.ports.open(name);
  const { flows } = ports.service;
  const known = flows.map((each) => each.name).join(', ') || 'none';
  const definition =
    flowName === undefined && flows.length === 1 ? flows[0] : flows.find((each) => each.name === flowName);
  if (definition === undefined) {
    throw wrong(`Name a flow: banyan flow ${verb} ${name} FLOW. The service watches ${known}.`);
  }
  return { ports, definition };
}

function serviceNamed({ words: [name], ports }: VerbInput, verb: string): string {
  if (name !== undefined) return name;
  throw wrong(`Name a service: banyan flow ${verb} NAME. With a database: ${ports.names.join(', ')}.`);
}

function keyNamed({ words: [name, , key] }: VerbInput, definition: FlowDefinition, verb: string): string {
  if (key !== undefined) return key;
  throw wrong(`Name the flow's key: banyan flow ${verb} ${name} ${definition.name} KEY.`);
}

function noFlow({ words: [name, flowName, key = ''] }: VerbInput): ServiceError {
  return new ServiceError(
    `'${name}' has no '${flowName}' '${key.slice(0, 100)}' under way. See 'banyan flow ls ${name} ${flowName}'.`,
    { code: 'not_found', reason: 'no_flow' },
  );
}

function standingOf({ status, lateSince, dismissed }: FlowView): string {
  if (dismissed !== undefined) return `${status}, dismissed`;
  return lateSince === undefined ? status : `${status}, LATE`;
}

/** Where a flow has got to, or how it ended. */
function placeOf({ steps, waitsFor, endedAt }: FlowView): string {
  const failed = steps.filter(({ state }) => state === 'failed').map(({ name }) => `${name} failed`);
  const awaited = waitsFor.map(({ step, what }) => (step === undefined ? 'its end' : `${step} ${what}`));
  const parts = awaited.length === 0 ? failed : [...failed, `waits for ${awaited.join(', ')}`];
  return parts.length === 0 ? (endedAt ?? '') : parts.join('; ');
}
