import type { EventEmitter } from 'node:events';
import { type Configuration, errors, Provider } from 'oidc-provider';
import { type PrivateJwk, toPublicKey } from '../keys/signing-keys.ts';
import { findAccount } from './account.ts';
import { createAdapter } from './adapter.ts';
import { accountScopes, secretFits, toClientMetadata } from './clients.ts';
import { type OAuthConfig, signingAlgsOf } from './config.ts';
import { currentRequest } from './current-request.ts';
import { findGrant, grantMark } from './grants.ts';
import { interactionRoutes } from './interactions.ts';
import { errorPage } from './pages/error-page.ts';
import { showPage } from './pages/page.ts';
import { signedOutPage, signOutPage } from './pages/sign-out-pages.ts';
import { queryModeOnly } from './query-mode.ts';
import { repeatRefreshes } from './refresh-rotation.ts';
import { structuredTokens } from './structured-tokens.ts';

export interface ProviderOptions {
  readonly config: OAuthConfig;
  /** What tokens are signed with, the present one first; all are published. */
  readonly keys: readonly PrivateJwk[];
  /** Signs cookies. */
  readonly cookieKey: string;
}

/** The protocol, as `oidc-provider` answers it, with everything off that is not wanted. No I/O. */
export function createProvider({ config, keys, cookieKey }: ProviderOptions): Provider {
  const provider = new Provider(config.issuer, configurationOf({ config, keys, cookieKey }));
  // Scheme and host are those of the issuer, whatever the request came with: see answerRequest.
  provider.proxy = true;
  provider.Client.prototype.compareClientSecret = function compare(secret: string) {
    return typeof this.clientSecret === 'string' && secretFits(secret, this.clientSecret);
  };
  provider.on('server_error', (_ctx, error) => currentRequest().log.error('request failed', { error }));
  (provider as EventEmitter).on('error', (error) => currentRequest().log.error('request failed', { error }));
  repeatRefreshes(provider, config.refreshGraceSeconds);
  provider.use(queryModeOnly);
  const ofAccessTokens = keys.filter(({ alg }) => alg === 'EdDSA').map(toPublicKey);
  provider.use(structuredTokens(config.issuer, ofAccessTokens));
  provider.use(interactionRoutes(provider));
  return provider;
}

function configurationOf({ config, keys, cookieKey }: ProviderOptions): Configuration {
  const isSecure = config.issuer.startsWith('https:');
  const cookie = {
    httpOnly: true,
    sameSite: 'lax',
    signed: true,
    secure: isSecure,
    overwrite: true,
  } as const;
  return {
    adapter: (kind: string) => createAdapter(kind, () => currentRequest().records),
    clients: config.clients.map(toClientMetadata),
    jwks: { keys: keys.map((key) => ({ ...key })) } as NonNullable<Configuration['jwks']>,
    cookies: {
      keys: [cookieKey],
      long: cookie,
      short: cookie,
      names: {
        // `__Host-` keeps neighbouring hosts from planting one; browsers take it with Secure only.
        session: isSecure ? '__Host-oauth-session' : 'oauth-session',
        interaction: 'oauth-interaction',
        resume: 'oauth-resume',
      },
    },
    routes: {
      authorization: '/authorize',
      token: '/token',
      introspection: '/introspect',
      revocation: '/revoke',
      jwks: '/jwks',
      end_session: '/sign-out',
    },
    ...tokenRules(config),
    clientAuthMethods: ['client_secret_basic', 'none'],
    clientDefaults: { id_token_signed_response_alg: 'EdDSA' },
    enabledJWA: { idTokenSigningAlgValues: [...signingAlgsOf(config)] },
    responseTypes: ['code'],
    pkce: { required: () => true },
    allowOmittingSingleRegisteredRedirectUri: false,
    scopes: [...accountScopes],
    claims: {
      openid: ['sub'],
      profile: ['name', 'preferred_username'],
      email: ['email', 'email_verified'],
    },
    // There is no second request for them.
    conformIdTokenClaims: false,
    findAccount: (_ctx, accountId) => findAccount(accountId),
    loadExistingGrant: findGrant,
    interactions: { url: (_ctx, { uid }) => `${new URL(config.issuer).pathname}/interaction/${uid}` },
    features: featuresOf(config),
    renderError: async (ctx, out) => showPage(ctx, errorPage(out)),
  };
}

function tokenRules(config: OAuthConfig): Configuration {
  return {
    ttl: {
      AccessToken: config.tokenSeconds,
      ClientCredentials: config.tokenSeconds,
      IdToken: config.tokenSeconds,
      AuthorizationCode: config.codeSeconds,
      Interaction: 600,
      // Of the sign-in: the library stores it anew with each request.
      Session(_ctx, { loginTs }) {
        const nowS = Math.floor(Date.now() / 1_000);
        return Math.max(1, config.sessionSeconds - (nowS - (loginTs ?? nowS)));
      },
      Grant: config.grantSeconds,
      // What is left of the first one: refreshing never makes a client's time longer (ASVS 10.4.8).
      RefreshToken: (ctx) =>
        Math.max(1, ctx?.oidc.entities.RotatedRefreshToken?.remainingTTL ?? config.grantSeconds),
    },
    rotateRefreshToken: true,
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    extraTokenClaims: (_ctx, token) =>
      // All tokens of one consent can be ended together.
      'grantId' in token && typeof token.grantId === 'string' ? { sid: grantMark(token.grantId) } : undefined,
  };
}

function featuresOf(config: OAuthConfig): NonNullable<Configuration['features']> {
  const [first] = config.resources;
  const off = { enabled: false } as const;
  return {
    devInteractions: off,
    userinfo: off,
    dPoP: off,
    pushedAuthorizationRequests: off,
    claimsParameter: off,
    clientCredentials: { enabled: true },
    introspection: {
      enabled: true,
      allowedPolicy: async (_ctx, { tokenEndpointAuthMethod, clientId }, token) =>
        tokenEndpointAuthMethod !== 'none' || token.clientId === clientId,
    },
    revocation: {
      enabled: true,
      allowedPolicy: async (_ctx, { clientId }, token) => token.clientId === clientId,
    },
    resourceIndicators: {
      enabled: true,
      defaultResource: (_ctx, _client, oneOf) =>
        oneOf === undefined ? (first?.uri ?? '') : (oneOf[0] ?? ''),
      useGrantedResource: () => true,
      getResourceServerInfo(_ctx, uri, { clientId }) {
        const allowed = config.clients.find(({ id }) => id === clientId)?.scopes ?? [];
        const resource = config.resources.find((each) => each.uri === uri);
        if (resource === undefined) throw new errors.InvalidTarget();
        return {
          // The library holds clients to their scopes only where these are not of a resource.
          scope: Object.keys(resource.scopes)
            .filter((scope) => allowed.includes(scope))
            .join(' '),
          audience: resource.audience,
          accessTokenTTL: config.tokenSeconds,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'EdDSA' } },
        };
      },
    },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: async (ctx) => showPage(ctx, signOutPage(ctx)),
      postLogoutSuccessSource: async (ctx) => showPage(ctx, signedOutPage()),
    },
  };
}
