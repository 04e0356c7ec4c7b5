import type { CommandOption } from './command.ts';

// Options that mean the same in each command that has them.

export const dir = {
  type: 'string',
  value: 'PATH',
  summary: "The system's folder. Default: this one.",
} as const satisfies CommandOption;

export const data = {
  type: 'string',
  value: 'PATH',
  summary: "Where data is kept. Default: BANYAN_DATA, else .banyan in the system's folder.",
} as const satisfies CommandOption;

export const production = {
  type: 'boolean',
  summary: 'Without stand-ins, watching, copying and development faults.',
} as const satisfies CommandOption;

export const json = { type: 'boolean', summary: 'As JSON.' } as const satisfies CommandOption;

export const by = {
  type: 'string',
  value: 'WHO',
  summary: 'Name for the audit. Default: the user of this shell.',
} as const satisfies CommandOption;
