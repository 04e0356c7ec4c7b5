import type { Middleware } from './http-context.ts';

/**
 * Codes come back in the query of a redirect, and in no other way: the form that posts itself would need a script, and fragments stay in
 * histories. The library offers them in any case.
 */
export const queryModeOnly: Middleware = async (ctx, next) => {
  const mode = ctx.query['response_mode'];
  if (ctx.path === '/authorize' && mode !== undefined && mode !== 'query') {
    // As one that nobody knows, which the library refuses in its own way.
    ctx.query = { ...ctx.query, response_mode: 'unsupported' };
  }
  await next();
  if (ctx.path.startsWith('/.well-known/') && isRecord(ctx.body))
    ctx.body['response_modes_supported'] = ['query'];
};

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
