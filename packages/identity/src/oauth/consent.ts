import { currentRequest } from './current-request.ts';
import type { Context } from './http-context.ts';
import { type Interaction, resume } from './interaction.ts';
import { consentPage } from './pages/consent-page.ts';
import { showPage } from './pages/page.ts';

/** What the library says is missing. */
interface Missing {
  readonly missingOIDCScope?: readonly string[];
  readonly missingResourceScopes?: Readonly<Record<string, readonly string[]>>;
}

const scopeTexts: Readonly<Record<string, string>> = {
  openid: 'Know that it is you',
  profile: 'See your name and login id',
  email: 'See your e-mail address',
  offline_access: 'Stay signed in when you are away',
};

export async function askForConsent(ctx: Context, interaction: Interaction): Promise<void> {
  const { call } = currentRequest();
  const { details, path, clientName, leadsTo } = interaction;
  const { loginId } = await call.loginIds.describe({ accountId: details.session?.accountId ?? '' });
  const permissions = permissionsOf(missingOf(interaction));
  showPage(ctx, consentPage({ path, clientName, loginId, leadsTo, permissions }));
}

export async function recordConsent(ctx: Context, interaction: Interaction): Promise<void> {
  const { details, provider, clientId } = interaction;
  const accountId = details.session?.accountId;
  if (accountId === undefined || details.prompt.name !== 'consent')
    throw new TypeError('nothing to agree to');
  const { missingOIDCScope = [], missingResourceScopes = {} } = missingOf(interaction);
  const before = details.grantId === undefined ? undefined : await provider.Grant.find(details.grantId);
  const grant = before ?? new provider.Grant({ accountId, clientId });
  grant.addOIDCScope(missingOIDCScope.join(' '));
  for (const [uri, scopes] of Object.entries(missingResourceScopes)) {
    grant.addResourceScope(uri, scopes.join(' '));
  }
  await currentRequest().tx(async ({ audit }) =>
    audit('consentGiven', {
      subject: accountId,
      details: { client: clientId, scopes: missingOIDCScope, resources: missingResourceScopes },
    }),
  );
  await resume(ctx, interaction, { consent: { grantId: await grant.save() } });
}

function missingOf({ details }: Interaction): Missing {
  return details.prompt.details as Missing;
}

function permissionsOf({ missingOIDCScope = [], missingResourceScopes = {} }: Missing): string[] {
  const { config } = currentRequest();
  const ofResources = Object.entries(missingResourceScopes).flatMap(([uri, scopes]) => {
    const texts = config.resources.find((each) => each.uri === uri)?.scopes ?? {};
    return scopes.map((scope) => texts[scope] ?? scope);
  });
  const texts = [...missingOIDCScope.map((scope) => scopeTexts[scope] ?? scope), ...ofResources];
  return texts.length === 0 ? ['Go on as you have allowed before'] : texts;
}
