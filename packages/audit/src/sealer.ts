import { type Clock, type Logger, sleep } from '@banyan/core';
import type { AuditLog } from './audit-log.ts';

export interface AuditSealerOptions {
  readonly log: AuditLog;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long records are gathered before they are sealed, in ms. Default 1,000. */
  readonly gatherMs?: number;
}

/** Seals what is on record. Any number may run: they take turns. */
export interface AuditSealer {
  /** Seals what an earlier process has left. */
  start(): void;
  /** Something was put on record. */
  poke(): void;
  /** Seals what there is and ends. Idempotent; never rejects. */
  stop(): Promise<void>;
}

export function createAuditSealer(options: AuditSealerOptions): AuditSealer {
  return new GatheringSealer(options);
}

class GatheringSealer implements AuditSealer {
  readonly #options: AuditSealerOptions;
  readonly #stopping = new AbortController();
  #sealing: Promise<void> | undefined;
  #isPoked = false;

  constructor(options: AuditSealerOptions) {
    this.#options = options;
  }

  start(): void {
    this.poke();
  }

  poke(): void {
    this.#isPoked = true;
    if (this.#stopping.signal.aborted) return;
    this.#sealing ??= this.#run().finally(() => {
      this.#sealing = undefined;
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#sealing;
    if (this.#isPoked) await this.#sealAll();
  }

  async #run(): Promise<void> {
    const { clock, gatherMs = 1_000 } = this.#options;
    while (this.#isPoked && !this.#stopping.signal.aborted) {
      // Ends early when the sealer stops; what there is is sealed then.
      await sleep(gatherMs, clock, this.#stopping.signal).catch(() => undefined);
      await this.#sealAll();
    }
  }

  async #sealAll(): Promise<void> {
    this.#isPoked = false;
    const { log, logger } = this.#options;
    try {
      for (let seal = await log.seal(); seal !== undefined; seal = await log.seal()) {
        const { number, hash, seqs } = seal;
        // Logs go elsewhere: whoever keeps them can show later that the end was not cut off.
        logger.info('audit records sealed', { seal: number, hash, records: seqs.length });
      }
    } catch (error) {
      // The next record, or the next start, tries again. Nothing is lost: records wait for their seal.
      logger.warn('audit records could not be sealed', { error });
    }
  }
}
