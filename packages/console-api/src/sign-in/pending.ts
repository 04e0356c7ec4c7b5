/** What a browser keeps while its user is at the provider: it binds the answer to the browser that asked. */
export interface PendingSignIn {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  /** A path of the console. */
  readonly to: string;
}

/** A cookie of more than 4,096 bytes is dropped by browsers. */
const maxLength = 2_000;

export function writePending({ to, ...rest }: PendingSignIn): string {
  const text = JSON.stringify({ ...rest, to: isOwnPath(to) ? to : '/' });
  return Buffer.from(text).toString('base64url');
}

/** Undefined for what is none. */
export function readPending(value: string | undefined): PendingSignIn | undefined {
  if (value === undefined || value.length > 2 * maxLength) return undefined;
  try {
    const { state, nonce, verifier, to } = JSON.parse(Buffer.from(value, 'base64url').toString()) as Record<
      string,
      unknown
    >;
    if (![state, nonce, verifier].every((each) => typeof each === 'string' && each.length > 20))
      return undefined;
    return { state, nonce, verifier, to: isOwnPath(to) ? to : '/' } as PendingSignIn;
  } catch {
    return undefined;
  }
}

/** `//elsewhere` and `/\elsewhere` are addresses of another site for a browser. */
function isOwnPath(to: unknown): boolean {
  return typeof to === 'string' && to.length < maxLength && /^\/(?![/\\])[\x21-\x7e]*$/.test(to);
}
