import { type ChunkedBody, createChunkedBody } from './chunked-body.ts';
import { parseResponseHead, type ResponseHead } from './response-head.ts';

/** What happens while an answer arrives. Nothing follows `onEnd` or `onProblem`. */
export interface ResponseEvents {
  /** An answer that is only preliminary (1xx), `101` excepted. */
  onInformation(head: ResponseHead): void;
  onHead(head: ResponseHead): void;
  onData(data: Buffer): void;
  /** @param reusable nothing stands behind the answer, and the connection may go on */
  onEnd(reusable: boolean): void;
  /** @param problem in words for the log, without anything that was received */
  onProblem(problem: string): void;
}

export interface ResponseReaderOptions {
  readonly method: string;
  readonly maxHeaderBytes: number;
  readonly events: ResponseEvents;
}

/** Reads one answer of an upstream, strictly. */
export interface ResponseReader {
  /** True once the first byte has arrived. */
  readonly begun: boolean;
  take(bytes: Buffer): void;
  /** The upstream will send no more. */
  end(): void;
  /** What has arrived behind a head with status 101, which is not HTTP any more. */
  rest(): Buffer;
}

/** More than this are no help to anybody. */
const maxInformational = 8;
const none = Buffer.alloc(0);
const endOfHead = Buffer.from('\r\n\r\n');

export function createResponseReader(options: ResponseReaderOptions): ResponseReader {
  return new Reader(options);
}

class Reader implements ResponseReader {
  readonly #options: ResponseReaderOptions;
  begun = false;
  #done = false;
  #kept: Buffer = none;
  #head: ResponseHead | undefined = undefined;
  #informational = 0;
  #left = 0;
  #chunks: ChunkedBody | undefined = undefined;

  constructor(options: ResponseReaderOptions) {
    this.#options = options;
  }

  take(bytes: Buffer): void {
    if (this.#done) return;
    this.begun = true;
    if (this.#head !== undefined) this.#takeBody(bytes, 0);
    else this.#takeHead(bytes);
  }

  end(): void {
    if (this.#done) return;
    if (this.#head?.framing.kind === 'until close') this.#finish(false);
    else this.#fail('the answer ended too early');
  }

  rest(): Buffer {
    return this.#kept;
  }

  #takeHead(bytes: Buffer): void {
    const all = this.#kept.length === 0 ? bytes : Buffer.concat([this.#kept, bytes]);
    // The end may be torn in two, so a few bytes are looked at again.
    const end = all.indexOf(endOfHead, Math.max(this.#kept.length - 3, 0));
    const { maxHeaderBytes, method, events } = this.#options;
    if (end > maxHeaderBytes || (end < 0 && all.length > maxHeaderBytes)) {
      this.#fail('the head is too long');
      return;
    }
    this.#kept = end < 0 ? all : none;
    if (end < 0) return;
    const head = parseResponseHead(all.toString('latin1', 0, end), method);
    if (typeof head === 'string') {
      this.#fail(head);
      return;
    }
    if (head.status < 200 && head.status !== 101) {
      this.#takeInformation(head, all.subarray(end + 4));
      return;
    }
    this.#head = head;
    if (head.status === 101) {
      this.#kept = all.subarray(end + 4);
      this.#done = true;
      events.onHead(head);
      return;
    }
    if (head.framing.kind === 'length') this.#left = head.framing.bytes;
    if (head.framing.kind === 'chunked') this.#chunks = createChunkedBody();
    events.onHead(head);
    this.#takeBody(all, end + 4);
  }

  #takeInformation(head: ResponseHead, rest: Buffer): void {
    this.#informational += 1;
    if (this.#informational > maxInformational) {
      this.#fail('there are too many preliminary answers');
      return;
    }
    this.#options.events.onInformation(head);
    if (rest.length > 0 && !this.#done) this.#takeHead(rest);
  }

  #takeBody(bytes: Buffer, offset: number): void {
    const { events } = this.#options;
    switch (this.#head?.framing.kind) {
      case 'length': {
        const end = Math.min(offset + this.#left, bytes.length);
        this.#left -= end - offset;
        if (end > offset) events.onData(bytes.subarray(offset, end));
        if (this.#left === 0) this.#finish(end === bytes.length);
        return;
      }
      case 'chunked': {
        const end = this.#chunks?.take(bytes, offset, (data) => events.onData(data)) ?? -1;
        if (typeof end === 'string') this.#fail(end);
        else if (end >= 0) this.#finish(end === bytes.length);
        return;
      }
      case 'until close':
        if (bytes.length > offset) events.onData(bytes.subarray(offset));
        return;
      case 'none':
      case undefined:
        this.#finish(offset === bytes.length);
    }
  }

  #finish(nothingBehind: boolean): void {
    this.#done = true;
    this.#options.events.onEnd(nothingBehind && this.#head?.persistent === true);
  }

  #fail(problem: string): void {
    this.#done = true;
    this.#options.events.onProblem(problem);
  }
}
