/** @typedef {ReturnType<typeof createImages>} Images */

const maxKept = 120;

/**
 * Pictures that only their owner may see, as addresses that `<img>` understands: fetched with the token, kept while the page lives.
 * @param {import('./api.js').Api} api
 */
export function createImages(api) {
  /** @type {Map<string, Promise<string>>} */
  const urls = new Map();

  /** @param {string} path @returns {Promise<string>} */
  const urlOf = (path) => {
    const known = urls.get(path);
    if (known !== undefined) return known;
    const url = api.blob(path).then((blob) => URL.createObjectURL(blob));
    keep(path, url);
    return url;
  };

  /** @param {string} path @param {Promise<string>} url */
  const keep = (path, url) => {
    urls.set(path, url);
    url.catch(() => urls.delete(path));
    const [oldest] = urls.keys();
    if (urls.size > maxKept && oldest !== undefined) release(oldest);
  };

  /** @param {string} path */
  const release = (path) => {
    urls.get(path)?.then(
      (url) => URL.revokeObjectURL(url),
      () => undefined,
    );
    urls.delete(path);
  };

  return {
    /** At most 400 pixels wide and high. @param {string} photoId */
    thumbnail: (photoId) => load(urlOf(`/photos/${photoId}/thumbnail`)),
    /** The photo itself. @param {string} photoId */
    full: (photoId) => load(urlOf(`/photos/${photoId}`)),
    /** Spares the download of a photo that has just been sent. @param {string} photoId @param {Blob} file */
    remember: (photoId, file) => keep(`/photos/${photoId}`, Promise.resolve(URL.createObjectURL(file))),
    forget: () => [...urls.keys()].forEach(release),
  };
}

/** @param {Promise<string>} url @returns {Promise<HTMLImageElement>} decoded, so that drawing it does not stutter */
async function load(url) {
  const image = new Image();
  image.src = await url;
  await image.decode();
  return image;
}
