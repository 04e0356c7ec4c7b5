import { service } from '@banyan/banyan';
import { createMemorySessions } from '../sessions/memory-sessions.ts';
import { auth } from './contract.ts';
import { pagesOn } from './pages.ts';
import { register } from './register.ts';

const sessions = createMemorySessions(1_800);

/** Stage 2: sessions are in this process, so there can be only one. */
export const authService = service(auth, {
  migrations: new URL('./migrations/', import.meta.url),
  operations: { register, ...pagesOn(() => sessions) },
});
