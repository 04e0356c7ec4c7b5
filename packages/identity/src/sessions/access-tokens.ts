import { createUserTokenSigner, type UserTokenSigner } from '@banyan/banyan';
import { createHeldKey, type HeldKey } from '../keys/held-key.ts';
import { type KeyKeeper, keyRingOf } from '../keys/open-key-ring.ts';
import { presentSigningKey } from '../keys/signing-keys.ts';
import type { Session } from './session.ts';

interface Keeper extends KeyKeeper {
  readonly config: KeyKeeper['config'] & {
    readonly issuer: string;
    readonly audience: string;
    readonly scopes: readonly string[];
    readonly tokenSeconds: number;
  };
}

/** How long another instance's withdrawal of a key may be unknown here. What is signed until then is refused like the rest. */
const maxAgeMs = 1_000;

/** Of each running service: browsers ask for a token every few seconds, and the key changes once a month. */
const signers = new WeakMap<object, HeldKey<UserTokenSigner>>();

/** A new access token of a session. */
export async function accessToken({ accountId, sessionId }: Session, keeper: Keeper) {
  const { issuer, audience, scopes, tokenSeconds: lifetimeS } = keeper.config;
  const signer = await signerOf(keeper).get(async () => {
    const { privateJwk, nextInMs } = await presentSigningKey(keeper.sql, await keyRingOf(keeper));
    return { value: createUserTokenSigner({ issuer, audience, privateJwk, lifetimeS }), nextInMs };
  });
  return signer.sign({ id: accountId, scopes: [...scopes] }, sessionId);
}

/** Once keys have changed here: the next token is signed with what is stored now. */
export function forgetSigner(keeper: Keeper): void {
  signerOf(keeper).forget();
}

function signerOf({ config }: Keeper): HeldKey<UserTokenSigner> {
  const known = signers.get(config) ?? createHeldKey<UserTokenSigner>({ maxAgeMs });
  signers.set(config, known);
  return known;
}
