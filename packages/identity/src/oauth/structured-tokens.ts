import { createLocalJWKSet, type JWTPayload, jwtVerify } from 'jose';
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { PublicKey } from '../keys/signing-keys.ts';
import { currentRequest } from './current-request.ts';
import type { Middleware } from './http-context.ts';
import type { RecordStore } from './record-store.ts';

const revokedKind = 'RevokedToken';

/**
 * Introspection and revocation of access tokens. They are JWTs, which the library refuses there once it knows which client asks; what it
 * does for other tokens is done for them here.
 */
export function structuredTokens(issuer: string, keys: readonly PublicKey[]): Middleware {
  const keySet = createLocalJWKSet({ keys: [...keys] });
  return async (ctx, next) => {
    await next();
    const { oidc } = ctx as unknown as Partial<KoaContextWithOIDC>;
    const client = oidc?.client;
    if (client === undefined || !isUnsupported(ctx.body)) return;
    const token = oidc?.params?.['token'];
    const claims = typeof token === 'string' ? await claimsOf(token, issuer, keySet) : undefined;
    const { records } = currentRequest();
    const isPublic = client.tokenEndpointAuthMethod === 'none';
    const isOwn = claims?.['client_id'] === client.clientId;
    if (oidc?.route === 'introspection') {
      const mayKnow = claims !== undefined && (isOwn || !isPublic);
      ctx.status = 200;
      ctx.body =
        mayKnow && (await isLive(claims, records))
          ? { active: true, token_type: 'Bearer', ...claims }
          : { active: false };
    } else if (oidc?.route === 'revocation') {
      // Somebody else's token is left alone, and the answer does not tell (RFC 7009, 2.2).
      if (isOwn && claims !== undefined) await revoke(claims, records);
      ctx.status = 200;
      ctx.body = '';
    }
  };
}

async function claimsOf(
  token: string,
  issuer: string,
  keySet: ReturnType<typeof createLocalJWKSet>,
): Promise<JWTPayload | undefined> {
  try {
    const { payload } = await jwtVerify(token, keySet, { issuer, typ: 'at+jwt', algorithms: ['EdDSA'] });
    return payload;
  } catch {
    // Whatever is wrong with it, it is no token of ours that is valid now.
    return undefined;
  }
}

async function isLive({ jti = '', sid }: JWTPayload, records: RecordStore): Promise<boolean> {
  if ((await records.find(revokedKind, jti)) !== undefined) return false;
  return typeof sid !== 'string' || (await records.hasGrant(sid));
}

async function revoke({ jti = '', exp = 0 }: JWTPayload, records: RecordStore): Promise<void> {
  const lifetimeS = exp - Math.floor(Date.now() / 1_000) + 60;
  await records.upsert(revokedKind, jti, {}, lifetimeS);
  await currentRequest().call.sessions.revokeTokens({ tokens: [jti] });
}

function isUnsupported(body: unknown): boolean {
  return (
    typeof body === 'object' && body !== null && 'error' in body && body.error === 'unsupported_token_type'
  );
}
