/**
 * The reference that leads from a document at path `from` to path `to`, without naming host or root: it stays right behind any
 * gateway, proxy or path prefix (RFC 3986, 4.2 and 5.2).
 */
export function relativeLink(from: string, to: string): string {
  const folders = from.split('/').slice(1, -1);
  const target = to.split('/').slice(1);
  let shared = 0;
  while (shared < folders.length && shared < target.length - 1 && folders[shared] === target[shared]) {
    shared += 1;
  }
  const reference = [...folders.slice(shared).map(() => '..'), ...target.slice(shared)].join('/');
  // A colon in the first segment would read as a scheme, an empty reference as this document, an empty segment as a host.
  const first = reference.split(/[/?#]/, 1)[0] ?? '';
  return first === '' || first.includes(':') ? `./${reference}` : reference;
}
