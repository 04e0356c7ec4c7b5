/**
 * Whether the client that `key` names is among the first `percent` of a hundred. The same key has the same place for ever, so a growing share takes
 * clients in and lets none go.
 * @param salt keeps several shares independent of each other
 */
export function isAmong(percent: number, key: string, salt: string): boolean {
  if (percent >= 100) return true;
  // Also for what is no number: nobody moves by mistake.
  if (!(percent > 0)) return false;
  return placeOf(`${salt}\n${key}`) < percent;
}

/** 0 up to but not including 100, evenly spread: FNV-1a with the last mixing of MurmurHash3, because FNV alone spreads similar texts badly. */
function placeOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (((hash ^ (hash >>> 16)) >>> 0) / 0x1_0000_0000) * 100;
}
