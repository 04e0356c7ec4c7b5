/**
 * Refuses a JWT that two programs could read differently (RFC 8725, 2.4 and 3.10): characters that some decoders skip, bits that belong to no
 * byte, and members that come twice, of which one program takes the first and another the last.
 * @throws Error that says what is wrong, for the log
 */
export function checkStrictly(token: string): void {
  const parts = token.split('.');
  if (parts.length !== 3) throw new Error('The token does not have three parts.');
  const [header = '', claims = ''] = parts;
  for (const part of parts) checkBase64url(part);
  for (const part of [header, claims]) checkMembers(Buffer.from(part, 'base64url').toString('utf8'));
}

function checkBase64url(part: string): void {
  if (Buffer.from(part, 'base64url').toString('base64url') === part) return;
  throw new Error('A part of the token is no strict base64url.');
}

/** One pass over the text: which objects are open, and the names that they have had. */
function checkMembers(json: string): void {
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < json.length; at += 1) {
    const character = json[at];
    if (character === '{') open.push(new Set());
    else if (character === '[') open.push(undefined);
    else if (character === '}' || character === ']') open.pop();
    else if (character === '"') {
      const end = endOfText(json, at);
      const names = open.at(-1);
      if (names !== undefined && isName(json, end)) {
        // Decoded, because the same name can be written in several ways.
        const name = JSON.parse(json.slice(at, end)) as string;
        if (names.has(name)) throw new Error('A member of the token comes twice.');
        names.add(name);
      }
      at = end - 1;
    }
  }
}

/** Whether a colon follows, behind any number of blanks. */
function isName(json: string, end: number): boolean {
  let at = end;
  while (/\s/.test(json[at] ?? '')) at += 1;
  return json[at] === ':';
}

/** Index behind the quote that ends the text which begins at `start`. */
function endOfText(json: string, start: number): number {
  let at = start + 1;
  while (at < json.length && json[at] !== '"') at += json[at] === '\\' ? 2 : 1;
  return at + 1;
}
