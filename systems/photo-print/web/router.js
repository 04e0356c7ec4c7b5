/** @typedef {{ path: string, params: Record<string, string>, query: URLSearchParams }} Place */
/**
 * @typedef {object} View
 * @property {string} title
 * @property {Node} content holds one `h1`
 * @property {boolean} [flow] part of ordering, where the way on replaces the navigation
 */

/** The address of a place in the page. @param {string} path @param {Record<string, string | number>} [query] */
export function linkTo(path, query = {}) {
  const search = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]));
  return search.size === 0 ? `#${path}` : `#${path}?${search}`;
}

/** @param {string} hash */
function splitHash(hash) {
  const [path = '/', search = ''] = hash.replace(/^#/, '').split(/\?(.*)/s);
  return { path: path === '' ? '/' : path, query: new URLSearchParams(search) };
}

/** @param {string} pattern like `/orders/:orderId` @param {string} path @returns {Record<string, string> | undefined} */
function match(pattern, path) {
  const wanted = pattern.split('/');
  const given = path.split('/');
  if (wanted.length !== given.length) return undefined;
  /** @type {Record<string, string>} */
  const params = {};
  for (const [index, part] of wanted.entries()) {
    const value = given[index] ?? '';
    if (part.startsWith(':')) params[part.slice(1)] = value;
    else if (part !== value) return undefined;
  }
  return params;
}

/**
 * Shows the view that belongs to the address, now and whenever it changes.
 * @param {object} parts
 * @param {Record<string, (place: Place, signal: AbortSignal) => View>} parts.routes by pattern; `*` for everything else.
 *   `signal` aborts when the view is left
 * @param {(view: View, place: Place) => void} parts.onView
 */
export function startRouter({ routes, onView }) {
  let leaving = new AbortController();
  const show = () => {
    // Links within a view, such as the skip link, are none of ours.
    if (location.hash !== '' && !location.hash.startsWith('#/')) return;
    leaving.abort(new DOMException('The view was left.', 'AbortError'));
    leaving = new AbortController();
    const { path, query } = splitHash(location.hash);
    for (const [pattern, view] of Object.entries(routes)) {
      const params = match(pattern, path);
      if (params === undefined && pattern !== '*') continue;
      const place = { path, params: params ?? {}, query };
      onView(view(place, leaving.signal), place);
      return;
    }
  };
  addEventListener('hashchange', show);
  show();
  return {
    /** Shows the current place anew. */
    refresh: show,
    /** @param {string} link from `linkTo` */
    go(link) {
      if (location.hash === link) show();
      else location.hash = link;
    },
    /** Goes there without leaving the current place in the history. @param {string} link */
    replace(link) {
      history.replaceState(history.state, '', link);
      show();
    },
    /** Notes the state of the current view in its address, without showing it anew. @param {string} link */
    note(link) {
      history.replaceState(history.state, '', link);
    },
  };
}
