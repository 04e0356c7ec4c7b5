import { fileURLToPath } from 'node:url';
import { isServiceError } from '@banyan/core';
import { scrubText } from '../scrub.ts';
import type { Attributes } from './span.ts';

const maxMessage = 2_000;
const maxStack = 8_000;
const maxCauses = 16;
/** What is read for frames. */
const maxFramesText = 16 * 1024;
const maxLine = 500;
const maxFrames = 30;
/** Frames that make the place of an error; deeper ones tell who called, which is not what went wrong. */
const framesInGroup = 3;

export interface Frame {
  readonly function: string;
  readonly file: string;
  readonly line: number;
}

/** What went wrong, as attributes of an `exception` event or of a log record. Never throws. */
export function describeError(error: unknown): { readonly type: string; readonly attributes: Attributes } {
  try {
    return describe(error);
  } catch {
    return {
      type: 'unknown',
      attributes: { 'exception.type': 'unknown', 'exception.message': '[unreadable]' },
    };
  }
}

function describe(error: unknown) {
  const chain = causesOf(error);
  const cause = chain.at(-1);
  const type = typeOf(cause);
  const message = scrubText(messageOf(cause).slice(0, maxMessage));
  const frames = cause instanceof Error ? framesOf(cause) : [];
  const own = frames.filter(isOwn);
  const top = own[0] ?? frames[0];
  const attributes: Attributes = {
    'exception.type': type,
    'exception.message': message,
    'exception.stacktrace': scrubText(chain.map(stackOf).join('\nCaused by: ').slice(0, maxStack)),
    'code.file.path': top?.file,
    'code.line.number': top?.line,
    'code.function.name': top?.function,
    'banyan.error.group': groupOf(type, message, own.length > 0 ? own : frames),
  };
  return { type, attributes };
}

/**
 * The error and what caused it, the deepest cause last: what wraps it says where it was noticed, not what it was. At most 16, each once, for
 * causes may go round in a circle.
 */
export function causesOf(error: unknown): readonly unknown[] {
  const chain = [error];
  for (let at = error; at instanceof Error && chain.length < maxCauses; ) {
    at = at.cause;
    if (!(at instanceof Error) || chain.includes(at)) break;
    chain.push(at);
  }
  return chain;
}

function typeOf(error: unknown): string {
  if (isServiceError(error)) return error.reason;
  if (!(error instanceof Error)) return error === null ? 'null' : typeof error;
  const { code } = error as { readonly code?: unknown };
  const name = error.constructor.name || error.name;
  return typeof code === 'string' && /^[\w-]{1,60}$/.test(code) ? `${name} ${code}` : name;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message).slice(0, maxStack) : String(error);
}

const positionPattern = /:(\d{1,9}):\d{1,9}\)?$/;

/** Without the message, which stands before the frames and may hold anything, of any length. */
function framesOf({ stack = '', message }: Error): readonly Frame[] {
  const messageAt = stack.indexOf(message);
  const start = messageAt < 0 ? 0 : messageAt + message.length;
  const frames: Frame[] = [];
  for (const line of stack.slice(start, start + maxFramesText).split('\n')) {
    const frame = frameOf(line.slice(0, maxLine).trim());
    if (frame !== undefined && frames.push(frame) === maxFrames) break;
  }
  return frames;
}

/** @param line `at function (file:line:column)` or `at file:line:column` */
function frameOf(line: string): Frame | undefined {
  const position = positionPattern.exec(line);
  if (position === null || !line.startsWith('at ')) return undefined;
  const call = line.slice('at '.length, position.index).replace(/^async /, '');
  const bracket = call.indexOf(' (');
  const name = bracket < 0 ? '' : call.slice(0, bracket);
  const file = (bracket < 0 ? call : call.slice(bracket + 2)).replace(/^file:\/\//, '');
  return file === '' ? undefined : { function: name, file, line: Number(position[1]) };
}

/** Where the packages of the platform lie, beside this one. */
const platform = fileURLToPath(new URL('../../../', import.meta.url));

function isOwn({ file }: Frame): boolean {
  return !file.startsWith('node:') && !file.includes('/node_modules/') && !isPlatform(file);
}

function isPlatform(file: string): boolean {
  // Its tests are somebody's own code.
  return file.startsWith(platform) && /^[^/]+\/src\//.test(file.slice(platform.length));
}

function groupOf(type: string, message: string, frames: readonly Frame[]): string {
  const places = frames.slice(0, framesInGroup).map((frame) => `${frame.function}@${placeOf(frame.file)}`);
  return hash([type, normalise(message), ...places].join('\n'));
}

/** Without the folder that a release happens to be in. */
function placeOf(file: string): string {
  return file.split(/[/\\]/).slice(-3).join('/');
}

function normalise(message: string): string {
  return message
    .replace(/(["'`]).*?\1/g, '…')
    .replace(/\b[0-9a-f]{8}-[0-9a-f-]{27}\b/gi, '…')
    .replace(/\b(?=\w*\d)[\w-]+\b/g, '…')
    .slice(0, 500);
}

/** FNV-1a, twice with different beginnings: 64 bits to tell errors apart, which nobody has to trust. */
function hash(text: string): string {
  let low = 0x811c9dc5;
  let high = 0x01000193;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code ^ (index & 0xff), 0x01000193);
  }
  return (low >>> 0).toString(16).padStart(8, '0') + (high >>> 0).toString(16).padStart(8, '0');
}
