import type { Provider } from 'oidc-provider';
import { accountRoutes } from './account-routes.ts';
import { askForConsent, recordConsent } from './consent.ts';
import { currentRequest } from './current-request.ts';
import type { Context, Middleware } from './http-context.ts';
import { type Interaction, interactionOf, resume } from './interaction.ts';
import { errorPage, foreignFormPage } from './pages/error-page.ts';
import { showPage } from './pages/page.ts';
import { askToSignIn, checkCode, checkPassword, sendMessage } from './sign-in.ts';

type Step = (ctx: Context, interaction: Interaction) => Promise<void>;

/** What happens at a form's address, by its last segment. Each answers with a redirect (303), so that no form is sent twice. */
const steps: Readonly<Record<string, Step>> = {
  password: checkPassword,
  code: checkCode,
  message: sendMessage,
  consent: recordConsent,
  cancellation: (ctx, interaction) =>
    resume(ctx, interaction, { error: 'access_denied', error_description: 'the user has cancelled' }),
};

/** The pages between a request for authorization and its answer, and the page of the account. */
export function interactionRoutes(provider: Provider): Middleware {
  const account = accountRoutes(provider);
  return async (ctx, next) => {
    const [, first = '', uid = '', step] = ctx.path.split('/');
    if (first !== 'interaction' && first !== 'account') return next();
    if (ctx.method === 'POST' && !isFromHere(ctx)) return showPage(ctx, foreignFormPage());
    if (first === 'account') return account(ctx, next);
    const interaction = await interactionOf(provider, ctx, uid);
    if (interaction === undefined) return showPage(ctx, errorPage({ error: 'session_not_found' }));
    if (ctx.method === 'POST' && step !== undefined && Object.hasOwn(steps, step)) {
      return steps[step]?.(ctx, interaction);
    }
    if (step !== undefined) return next();
    return interaction.details.prompt.name === 'consent'
      ? askForConsent(ctx, interaction)
      : askToSignIn(ctx, interaction);
  };
}

/** Browsers say where a form comes from, and no page can say otherwise. The cookies do not come along from other sites either (`SameSite=Lax`). */
function isFromHere(ctx: Context): boolean {
  const site = ctx.get('sec-fetch-site');
  if (site !== '') return site === 'same-origin';
  return ctx.get('origin') === new URL(currentRequest().config.issuer).origin;
}
