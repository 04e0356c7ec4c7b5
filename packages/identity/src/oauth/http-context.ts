import type { Provider } from 'oidc-provider';

/** What the library runs on takes these; they have no package of ours to come from. */
export type Middleware = Parameters<Provider['use']>[0];
export type Context = Parameters<Middleware>[0];
