const storageKey = 'photo-print.session';

/** @typedef {{ token: string, expiresAt: string, loginId: string }} SignedIn */
/** @typedef {ReturnType<typeof createSession>} Session */

/**
 * Who is signed in, in this tab only: in memory, and in the tab's storage so that loading the page again does not sign out.
 * @param {Storage} storage
 */
export function createSession(storage) {
  const changes = new EventTarget();
  let current = read(storage);
  return {
    /** @returns {SignedIn | undefined} */
    get current() {
      return current;
    },
    /** True if the token is known to be too old; false proves nothing, because clocks differ. */
    get isExpired() {
      return current !== undefined && Date.parse(current.expiresAt) <= Date.now();
    },
    /** @param {SignedIn} signedIn */
    begin(signedIn) {
      current = signedIn;
      write(storage, JSON.stringify(signedIn));
      changes.dispatchEvent(new Event('change'));
    },
    end() {
      current = undefined;
      write(storage, undefined);
      changes.dispatchEvent(new Event('change'));
    },
    /** @param {() => void} listener */
    onChange(listener) {
      changes.addEventListener('change', listener);
    },
  };
}

/** @param {Storage} storage @returns {SignedIn | undefined} */
function read(storage) {
  try {
    const { token, expiresAt, loginId } = JSON.parse(storage.getItem(storageKey) ?? '{}');
    return typeof token === 'string' ? { token, expiresAt, loginId } : undefined;
  } catch {
    // Storage is forbidden or holds something strange: start signed out.
    return undefined;
  }
}

/** @param {Storage} storage @param {string | undefined} text */
function write(storage, text) {
  try {
    if (text === undefined) storage.removeItem(storageKey);
    else storage.setItem(storageKey, text);
  } catch {
    // Without storage the session lives as long as the page.
  }
}
