/** What has been opened, to be closed in reverse order. */
export interface Closing {
  push(close: () => Promise<void>): void;
  /** Closes everything, last first. A step that fails or hangs is reported and does not keep the others from being closed. */
  close(): Promise<void>;
}

export interface ClosingOptions {
  readonly onFailure: (error: unknown) => void;
  /** For each step. Default 15,000. */
  readonly timeoutMs?: number;
}

export function createClosing({ onFailure, timeoutMs = 15_000 }: ClosingOptions): Closing {
  const steps: (() => Promise<void>)[] = [];
  return {
    push: (close) => void steps.push(close),
    async close() {
      for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
        const timeout = Promise.withResolvers<void>();
        // It also keeps the process alive: a step that waits for something already gone would end it half-way.
        const timer = setTimeout(
          () => timeout.reject(new Error(`a step took more than ${timeoutMs} ms`)),
          timeoutMs,
        );
        try {
          await Promise.race([step(), timeout.promise]);
        } catch (error) {
          onFailure(error);
        } finally {
          clearTimeout(timer);
        }
      }
    },
  };
}
