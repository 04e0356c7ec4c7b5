import { errors, type InteractionResults, type Provider } from 'oidc-provider';
import { currentRequest } from './current-request.ts';
import type { Context } from './http-context.ts';

type Details = Awaited<ReturnType<Provider['interactionDetails']>>;

/** A question to a user that a request for authorization waits for. */
export interface Interaction {
  readonly provider: Provider;
  readonly details: Details;
  readonly uid: string;
  /** Public path of its page. */
  readonly path: string;
  readonly clientId: string;
  readonly clientName: string;
  /** The client's redirect. */
  readonly leadsTo: string | undefined;
}

/** Undefined if it is over, or another browser's. */
export async function interactionOf(
  provider: Provider,
  ctx: Context,
  uid: string,
): Promise<Interaction | undefined> {
  const details = await provider.interactionDetails(ctx.req, ctx.res).catch((error: unknown) => {
    if (error instanceof errors.SessionNotFound) return undefined;
    throw error;
  });
  if (details === undefined || details.uid !== uid) return undefined;
  const { config } = currentRequest();
  const { client_id: clientId, redirect_uri: leadsTo } = details.params;
  return {
    provider,
    details,
    uid,
    path: `${new URL(config.issuer).pathname}/interaction/${uid}`,
    clientId: String(clientId),
    clientName: config.clients.find(({ id }) => id === clientId)?.name ?? String(clientId),
    leadsTo: typeof leadsTo === 'string' ? leadsTo : undefined,
  };
}

/** Answers the question, and goes on where the request for authorization waits. */
export async function resume(
  ctx: Context,
  { provider }: Interaction,
  result: InteractionResults,
): Promise<void> {
  redirect(ctx, await provider.interactionResult(ctx.req, ctx.res, result));
}

/** 303: whatever comes next is asked for with GET, and never with the form's body (RFC 9700, 4.12). */
export function redirect(ctx: Context, to: string): void {
  ctx.redirect(to);
  ctx.status = 303;
  ctx.set('cache-control', 'no-store');
  ctx.body = '';
}
