import { createHash, timingSafeEqual } from 'node:crypto';
import type { ClientMetadata } from 'oidc-provider';
import type { OAuthClient } from './config.ts';

/** What a client may know about an account; other scopes belong to resources. */
export const accountScopes = ['openid', 'profile', 'email', 'offline_access'] as const;

/** A client as the library knows it. */
export function toClientMetadata(client: OAuthClient): ClientMetadata {
  const { id, name, secretHash, type, redirectUris, signedOutUris, scopes, machine, idTokenAlg } = client;
  const known = accountScopes.filter((scope) => scopes.includes(scope));
  const forUsers = redirectUris.length > 0;
  return {
    client_id: id,
    client_name: name,
    token_endpoint_auth_method: secretHash === undefined ? 'none' : 'client_secret_basic',
    // Never compared as it stands: see secretFits.
    ...(secretHash === undefined ? undefined : { client_secret: secretHash }),
    application_type: type,
    redirect_uris: [...redirectUris],
    post_logout_redirect_uris: [...signedOutUris],
    response_types: forUsers ? ['code'] : [],
    grant_types: [
      ...(forUsers ? ['authorization_code', 'refresh_token'] : []),
      ...(machine ? ['client_credentials'] : []),
    ],
    ...(known.length === 0 ? undefined : { scope: known.join(' ') }),
    id_token_signed_response_alg: idTokenAlg,
  };
}

/** Compares hashes in constant time. */
export function secretFits(secret: string, secretHash: string): boolean {
  const given = createHash('sha256').update(secret).digest();
  const expected = Buffer.from(secretHash, 'base64url');
  return given.length === expected.length && timingSafeEqual(given, expected);
}
