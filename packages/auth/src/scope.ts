/** The `scope` claim (RFC 8693, 4.2): words separated by single spaces. */
export function scopeOf(scopes: readonly string[]): string {
  return scopes.join(' ');
}

/** The words of a `scope` claim; anything but a string has none. */
export function parseScope(claim: unknown): readonly string[] {
  return typeof claim === 'string' && claim !== '' ? claim.split(' ') : [];
}
