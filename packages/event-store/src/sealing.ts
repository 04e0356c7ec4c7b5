import type { Sql } from '@banyan/core';
import { invalid } from './append-member.ts';
import { eventStoreError } from './errors.ts';
import type { EventReader, EventTypes } from './event-types.ts';
import { seal, unseal } from './key-wrapping.ts';
import type { EventRow } from './stored-event.ts';
import type { SubjectKey, SubjectKeys } from './subject-keys.ts';

interface Sealed {
  readonly subject: string;
  /** Base64 of what `seal` made. */
  readonly box: string;
}

interface Context {
  readonly stream: string;
  readonly type: string;
}

type Fields = Readonly<Record<string, unknown>>;

const mark = '$sealed';
const maxSubjectLength = 200;

/** Encrypts the personal fields of events, and decrypts them while the key is there. */
export class Sealing {
  readonly #reader: EventReader<EventTypes>;
  readonly #personalTypes: ReadonlySet<string>;
  readonly keys: SubjectKeys;

  constructor(types: EventTypes, reader: EventReader<EventTypes>, keys: SubjectKeys) {
    this.#reader = reader;
    this.keys = keys;
    this.#personalTypes = new Set(Object.keys(types).filter((type) => types[type]?.personal !== undefined));
  }

  isPersonal(type: string): boolean {
    return this.#personalTypes.has(type);
  }

  subjectOf(type: string, data: unknown): string {
    const subject = this.#reader.definitionOf(type).personal?.subject(data as never);
    if (
      typeof subject === 'string' &&
      subject !== '' &&
      subject.length <= maxSubjectLength &&
      !subject.includes('\0')
    ) {
      return subject;
    }
    throw invalid(`The subject of '${type}' is text of 1 to ${maxSubjectLength} characters.`);
  }

  /** `data` with its personal fields in a box that only the key of its subject opens, in this stream and type. */
  seal(data: unknown, context: Context & { readonly subject: string; readonly key: Uint8Array }): Fields {
    const { type, subject, key } = context;
    const names = Object.keys(this.#erasedOf(type));
    const open = Object.entries(data as Fields).filter(([name]) => !names.includes(name));
    const personal = Object.entries(data as Fields).filter(([name]) => names.includes(name));
    const content = Buffer.from(JSON.stringify(Object.fromEntries(personal)));
    const box = seal(key, content, contextOf(context, subject)).toString('base64');
    return { ...Object.fromEntries(open), [mark]: { subject, box } satisfies Sealed };
  }

  /** The keys that open `rows`; undefined if none of them is sealed. */
  async keysFor(sql: Sql, rows: readonly EventRow[]): Promise<ReadonlyMap<string, SubjectKey> | undefined> {
    if (this.#personalTypes.size === 0) return undefined;
    const subjects = new Set<string>();
    for (const { type, data } of rows) {
      if (!this.#personalTypes.has(type) || !data.includes(`"${mark}"`)) continue;
      const sealed = sealedOf(JSON.parse(data));
      if (sealed !== undefined) subjects.add(sealed.subject);
    }
    return subjects.size === 0 ? undefined : this.keys.find(sql, subjects);
  }

  /** @throws ServiceError `data_loss` `event_tampered` */
  open(
    stored: unknown,
    context: Context & { readonly keys: ReadonlyMap<string, SubjectKey> },
  ): { readonly data: unknown; readonly subject: string | undefined; readonly erased: boolean } {
    const sealed = sealedOf(stored);
    if (sealed === undefined) return { data: stored, subject: undefined, erased: false };
    const { subject } = sealed;
    const { [mark]: _, ...open } = stored as Fields;
    const key = context.keys.get(subject);
    if (key === undefined)
      return { data: { ...open, ...this.#erasedOf(context.type) }, subject, erased: true };
    try {
      const content = unseal(key, Buffer.from(sealed.box, 'base64'), contextOf(context, subject));
      return { data: { ...open, ...(JSON.parse(content.toString()) as Fields) }, subject, erased: false };
    } catch (cause) {
      throw eventStoreError('event_tampered', { cause });
    }
  }

  /** What an up-caster made of an erased event has the values for that again. */
  erase(type: string, data: unknown): unknown {
    return { ...(data as Fields), ...this.#erasedOf(type) };
  }

  #erasedOf(type: string): Fields {
    return (this.#reader.definitionOf(type).personal?.erased ?? {}) as Fields;
  }
}

/** Moved into another event, or to another subject, a box does not open. */
function contextOf({ stream, type }: Context, subject: string): string {
  return JSON.stringify([stream, type, subject]);
}

function sealedOf(stored: unknown): Sealed | undefined {
  if (typeof stored !== 'object' || stored === null || !Object.hasOwn(stored, mark)) return undefined;
  const { subject, box } = ((stored as Fields)[mark] ?? {}) as Partial<Sealed>;
  return typeof subject === 'string' && typeof box === 'string' ? { subject, box } : undefined;
}
