import { setTimeout as sleep } from 'node:timers/promises';
import { service } from '@banyan/banyan';
import { z } from 'zod';
import { archive } from './contract.ts';

interface Searching {
  readonly config: { readonly searchMs: number };
  readonly instance: string;
  readonly signal: AbortSignal;
}

async function search(words: string, { config, instance, signal }: Searching) {
  await sleep(config.searchMs, undefined, { signal });
  return { pages: words.length, instance };
}

export const archiveService = service(archive, {
  config: z.object({ searchMs: z.int().min(0).default(1_000).describe('How long a search takes.') }),
  operations: { search: ({ words }, context) => search(words, context) },
  messages: { search: ({ words }, context) => search(words, context) },
});
