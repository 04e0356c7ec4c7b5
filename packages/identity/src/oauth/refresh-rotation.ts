import { errors, Provider } from 'oidc-provider';
import { currentRequest } from './current-request.ts';
import { grantMark } from './grants.ts';

type RefreshToken = InstanceType<Provider['RefreshToken']>;

/** The model as it is used here: the library's types know it as a base of classes, and not how it names what it makes. */
interface RefreshTokens {
  find(token: string, options?: object): Promise<RefreshToken | undefined>;
  readonly prototype: { consume(): Promise<void>; generateTokenId(): string };
}

/**
 * Lets a client repeat a refresh whose answer was lost. The library has every token refused that was used before, and names the next one anew each
 * time; here the store decides about the one, and says the other.
 */
export function repeatRefreshes(provider: Provider, graceS: number): void {
  const tokens = provider.RefreshToken as unknown as RefreshTokens;
  const successors = new WeakMap<RefreshToken, string>();
  const find = tokens.find.bind(tokens);
  tokens.find = async (...asked) => {
    const token = await find(...asked);
    // Everywhere else, such as in an introspection, a used token is a used token.
    if (token !== undefined && Provider.ctx?.oidc.route === 'token') token.consumed = undefined;
    return token;
  };
  tokens.prototype.consume = async function consume(this: RefreshToken) {
    const rotation = await currentRequest().records.rotate(this.jti, graceS);
    if (rotation.kind === 'reused') await endReused(this);
    if (rotation.kind !== 'rotated') throw new errors.InvalidGrant('refresh token already used');
    successors.set(this, rotation.successor);
  };
  const { generateTokenId } = tokens.prototype;
  tokens.prototype.generateTokenId = function successorOf(this: RefreshToken) {
    const rotated = Provider.ctx?.oidc.entities.RotatedRefreshToken;
    return (rotated && successors.get(rotated)) ?? generateTokenId.call(this);
  };
}

/** Somebody has it who should not, and nobody can tell who. On record first: once the grant has ended, whoever comes again finds nothing. */
async function endReused({ accountId, clientId = '', grantId = '' }: RefreshToken): Promise<void> {
  const { tx, log, records } = currentRequest();
  log.warn('a refresh token came twice; its grant ends', { accountId, clientId });
  await tx(async ({ audit }) =>
    audit('refreshTokenReused', { subject: accountId, details: { client: clientId.slice(0, 64) } }),
  );
  try {
    await records.endGrant(grantId);
  } catch (error) {
    if (await records.hasGrant(grantMark(grantId))) throw error;
    log.error('a grant has ended, and gateways may not know it', { accountId, clientId, error });
  }
}
