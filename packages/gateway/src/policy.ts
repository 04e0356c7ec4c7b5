/** Who may use an exposed operation: anybody, a signed-in user, or a signed-in user whose token has the scope. */
export type Policy = 'anyone' | 'user' | { readonly scope: string };

/** How a policy reads in route lists: `anyone`, `user` or `scope:<name>`. */
export function policyText(policy: Policy): string {
  return typeof policy === 'string' ? policy : `scope:${policy.scope}`;
}

/** Why `policy` is none, with the fix; undefined if it is one. Plain JavaScript can hand in anything. */
export function policyProblem(policy: unknown): string | undefined {
  if (policy === 'anyone' || policy === 'user') return undefined;
  const scope =
    typeof policy === 'object' && policy !== null ? (policy as { scope?: unknown }).scope : undefined;
  // RFC 6749, 3.3: the characters of a scope token.
  if (typeof scope === 'string' && /^[\x21\x23-\x5B\x5D-\x7E]{1,128}$/.test(scope)) return undefined;
  return `has no valid policy; use 'anyone', 'user' or { scope: 'name' }.`;
}
