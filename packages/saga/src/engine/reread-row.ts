import type { Logger } from '@banyan/core';
import type { SagaRow, SagaStore } from '../saga-store.ts';

export interface RereadOptions {
  readonly store: SagaStore;
  /** Token of the lease, while it holds. */
  readonly token: () => number | undefined;
  readonly logger: Logger;
}

/** The row as it stands, with the letters that have come meanwhile; undefined if it is another worker's, or cannot be read now. Never rejects. */
export async function rereadRow(
  id: string,
  { store, token: currentToken, logger }: RereadOptions,
): Promise<SagaRow | undefined> {
  const token = currentToken();
  if (token === undefined) return undefined;
  try {
    const [row] = await store.load(token, [id]);
    return row;
  } catch (error) {
    // Found again by the next look at what this worker owns.
    logger.debug('letters could not be read; trying again', { error });
    return undefined;
  }
}
