import { setTimeout as pause } from 'node:timers/promises';
import type { CpuMeter } from './cpu-meter.ts';
import type { EventFigures, EventLoad } from './stack.ts';

/** 200 bytes of JSON with what the measurement needs: when it was sent. */
export interface Payload {
  readonly id: number;
  readonly sentAt: number;
  readonly key: string;
  readonly filler: string;
}

const filler = 'x'.repeat(130);

/** Counts effects and their delays; a stack's consumer calls `happened` for each. */
export class Effects {
  readonly delaysMs: number[] = [];
  #onCount = () => {};

  happened(sentAt: number): void {
    this.delaysMs.push(performance.timeOrigin + performance.now() - sentAt);
    this.#onCount();
  }

  /** Resolves when `count` effects have happened since the last `clear`. */
  reached(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#onCount = () => {
        if (this.delaysMs.length >= count) resolve();
      };
      this.#onCount();
    });
  }

  clear(): void {
    this.delaysMs.length = 0;
  }
}

/** Sends for `durationMs`, waits until the last effect, and says how it went. */
export async function drive(
  load: EventLoad,
  {
    effects,
    meter,
    send,
  }: { readonly effects: Effects; readonly meter: CpuMeter; send(events: readonly Payload[]): Promise<void> },
): Promise<EventFigures> {
  effects.clear();
  let sent = 0;
  const start = performance.now();
  const cpuBefore = meter.read();
  const end = start + load.durationMs;
  const lane = async (index: number) => {
    const gapMs = load.rate === undefined ? 0 : (1_000 * load.concurrency) / load.rate;
    let next = start + (gapMs * index) / load.concurrency;
    while (performance.now() < end) {
      if (gapMs > 0) {
        const waitMs = next - performance.now();
        if (waitMs > 0.5) await pause(waitMs);
        next += gapMs;
      }
      const events = Array.from({ length: load.eventsPerTransaction }, (): Payload => {
        sent += 1;
        return {
          id: sent,
          sentAt: performance.timeOrigin + performance.now(),
          key: `k${(sent * 7919) % 5_000}`,
          filler,
        };
      });
      await send(events);
    }
  };
  await Promise.all(Array.from({ length: load.concurrency }, (_, index) => lane(index)));
  await effects.reached(sent);
  const elapsedMs = performance.now() - start;
  const cpuMs = meter.read() - cpuBefore;
  const sorted = Float64Array.from(effects.delaysMs).sort();
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
  return {
    eventsPerSecond: (sent / elapsedMs) * 1_000,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    cpuMsPer1000: (cpuMs / sent) * 1_000,
  };
}
