import type { Page } from 'playwright-core';
import type { RunningSystem } from '../../test/support/running-system.ts';

export interface Camera {
  open(colorScheme: 'light' | 'dark', address: string): Promise<Page>;
  /** As `docs/images/NAME.png`. */
  keep(page: Page, name: string): Promise<void>;
}

/** Makes something happen in a system, and takes pictures of what the console shows of it. */
export type Walk = (system: RunningSystem, camera: Camera) => Promise<void>;
