import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import { currentRequest } from './current-request.ts';
import type { Context, Middleware } from './http-context.ts';
import { redirect } from './interaction.ts';
import { accountPage, nobodyPage } from './pages/account-page.ts';
import { showPage } from './pages/page.ts';

/** Who is signed in, and which programs may act for them; each can be sent away. */
export function accountRoutes(provider: Provider): Middleware {
  return async (ctx, next) => {
    const session = await provider.Session.get(ctx as unknown as KoaContextWithOIDC);
    const { accountId } = session;
    if (accountId === undefined) return showPage(ctx, nobodyPage());
    if (ctx.path === '/account/withdrawals' && ctx.method === 'POST') return withdraw(ctx, accountId);
    if (ctx.path !== '/account') return next();
    return show(ctx, accountId);
  };
}

async function show(ctx: Context, accountId: string): Promise<void> {
  const { config, call } = currentRequest();
  const { loginId } = await call.loginIds.describe({ accountId });
  const allowed = new Set((await grantsOf(accountId)).map(({ clientId }) => clientId));
  const notice =
    ctx.query['withdrawn'] === '' ? { text: 'It can no longer act for you.', isBad: false } : undefined;
  const programs = config.clients
    .filter(({ id, trusted }) => allowed.has(id) && !trusted)
    .map(({ id, name }) => ({ clientId: id, name }));
  showPage(ctx, accountPage({ base: baseOf(), loginId, notice, programs }));
}

async function withdraw(ctx: Context, accountId: string): Promise<void> {
  const { form, records, tx } = currentRequest();
  const clientId = form.get('client_id') ?? '';
  await tx(async ({ audit }) =>
    audit('consentWithdrawn', { subject: accountId, details: { client: clientId.slice(0, 64) } }),
  );
  for (const grant of await grantsOf(accountId)) {
    if (grant.clientId === clientId) await records.endGrant(grant.grantId);
  }
  redirect(ctx, `${baseOf()}/account?withdrawn`);
}

async function grantsOf(accountId: string): Promise<readonly { clientId: string; grantId: string }[]> {
  const payloads = await currentRequest().records.ofAccount('Grant', accountId);
  return payloads.map(({ clientId, jti }) => ({ clientId: String(clientId), grantId: String(jti) }));
}

function baseOf(): string {
  return new URL(currentRequest().config.issuer).pathname;
}
