import type { KoaContextWithOIDC } from 'oidc-provider';
import { handleHash } from '../keys/handle.ts';
import { currentRequest } from './current-request.ts';

type Grant = InstanceType<KoaContextWithOIDC['oidc']['provider']['Grant']>;

/** What a user has agreed to before; for a client of one's own, everything that it asks for. */
export async function findGrant({ oidc }: KoaContextWithOIDC): Promise<Grant | undefined> {
  const { client, session, result, provider } = oidc;
  if (client === undefined || session === undefined) return undefined;
  const grantId = result?.consent?.grantId ?? session.grantIdFor(client.clientId);
  const found = grantId === undefined ? undefined : await provider.Grant.find(grantId);
  const isTrusted = currentRequest().config.clients.some(
    ({ id, trusted }) => trusted && id === client.clientId,
  );
  if (!isTrusted || session.accountId === undefined) return found;
  const grant = found ?? new provider.Grant({ accountId: session.accountId, clientId: client.clientId });
  grant.addOIDCScope([...oidc.requestParamOIDCScopes].join(' '));
  for (const [uri, { scopes }] of Object.entries(oidc.resourceServers ?? {})) {
    grant.addResourceScope(uri, [...oidc.requestParamScopes].filter((scope) => scopes.has(scope)).join(' '));
  }
  await grant.save();
  return grant;
}

/** How tokens name the consent that they were made under. */
export function grantMark(grantId: string): string {
  return handleHash(grantId);
}
