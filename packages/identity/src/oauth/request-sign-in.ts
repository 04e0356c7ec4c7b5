/** What a record comes of. */
export interface SignInMark {
  /** When login id and password were given. */
  readonly signedInAt: string | null;
  /** Which of the account's passwords it was. */
  readonly passwordRevision: number | null;
}

/** Records that others come of. */
const sources: ReadonlySet<string> = new Set(['Session', 'AuthorizationCode', 'RefreshToken']);

/**
 * The sign-in that a request is about: that of the page that has led to it, else that of the session, code or refresh token that it has read. If it has
 * read several, the oldest, so that nothing gets newer than what it comes of.
 */
export class RequestSignIn {
  #fresh: Fresh | undefined;
  #inherited: SignInMark | undefined;

  /** For what the request writes of an account. Who signs in may be somebody else than whose session the browser has, which is written again. */
  markOf({ accountId }: { readonly accountId?: unknown }): SignInMark {
    if (this.#fresh !== undefined && this.#fresh.accountId === accountId) return this.#fresh;
    return this.#inherited ?? { signedInAt: null, passwordRevision: null };
  }

  /**
   * @returns false for a grant of an older password than that of the sign-in: a new password ends it, in a moment or already, and whoever has signed in
   * with the new one is to have another, which stays
   */
  reads(kind: string, payload: object, mark: SignInMark): boolean {
    if (kind === 'Interaction') this.#fresh = freshIn(payload) ?? this.#fresh;
    if (sources.has(kind)) this.#inherited = older(this.#inherited, mark);
    const { passwordRevision } = this.markOf(payload);
    return kind !== 'Grant' || passwordRevision === null || passwordRevision <= (mark.passwordRevision ?? 0);
  }
}

/** A sign-in that has succeeded and whose session is yet to begin. */
interface Fresh extends SignInMark {
  readonly accountId: string | undefined;
}

function freshIn(interaction: { readonly result?: { readonly login?: Partial<Fresh> } }): Fresh | undefined {
  const login = interaction.result?.login;
  if (login === undefined) return undefined;
  const { accountId, signedInAt = null, passwordRevision = null } = login;
  return { accountId, signedInAt, passwordRevision };
}

function older(one: SignInMark | undefined, other: SignInMark): SignInMark {
  if (one === undefined) return other;
  const { signedInAt } = timeOf(one.signedInAt) < timeOf(other.signedInAt) ? one : other;
  const revisions = [one, other].map(({ passwordRevision }) => passwordRevision ?? 0);
  return { signedInAt, passwordRevision: Math.min(...revisions) };
}

function timeOf(signedInAt: string | null): number {
  return signedInAt === null ? Number.NEGATIVE_INFINITY : Date.parse(signedInAt);
}
