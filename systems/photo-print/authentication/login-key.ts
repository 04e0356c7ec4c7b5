/** The form under which a login id is unique: look-alikes of one name (Ａda, ADA, ada) are one login id. */
export function loginKey(loginId: string): string {
  return loginId.trim().normalize('NFKC').toLowerCase();
}
