/** Names that begin with two underscores belong to GraphQL itself. */
export function isGraphqlName(text: string): boolean {
  return /^(?!__)[_A-Za-z][_0-9A-Za-z]*$/.test(text);
}
