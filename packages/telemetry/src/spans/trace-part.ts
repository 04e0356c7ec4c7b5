import type { RecordedSpan, SpanSink } from './recorded-span.ts';

/** One part of a trace that has lost its measure must not fill the memory. */
const maxHeld = 512;

/**
 * What one process has of a trace that was not sampled, from its first span here to the end of that. It is held back until it is known whether
 * something failed or took long.
 */
export class TracePart {
  isKept = false;
  readonly #root: RecordedSpan;
  readonly #slowUs: number;
  readonly #sink: SpanSink;
  #held: RecordedSpan[] = [];
  #isOver = false;

  constructor(root: RecordedSpan, slowUs: number, sink: SpanSink) {
    this.#root = root;
    this.#slowUs = slowUs;
    this.#sink = sink;
  }

  keep(): void {
    if (this.isKept) return;
    this.isKept = true;
    for (const span of this.#held) this.#sink.add(span);
    this.#held = [];
  }

  ended(span: RecordedSpan): void {
    if (span.endedUs - span.startedUs >= this.#slowUs) this.keep();
    if (this.isKept) this.#sink.add(span);
    // What outlives the first span, and did not fail, belongs to something that was well.
    else if (!this.#isOver && this.#held.length < maxHeld) this.#held.push(span);
    if (span === this.#root) {
      this.#isOver = true;
      this.#held = [];
    }
  }
}
