/** @typedef {{ photoId: string, width: number, height: number, bytes: number, uploadedAt?: string }} Photo */
/** @typedef {ReturnType<typeof createPhotos>} Photos */

/** The customer's photos, as far as they have been seen. @param {import('./api.js').Api} api */
export function createPhotos(api) {
  /** @type {Map<string, Photo>} */
  const known = new Map();
  /** @param {Photo} photo */
  const remember = (photo) => {
    known.set(photo.photoId, { ...known.get(photo.photoId), ...photo });
  };
  /** @param {{ before?: string | undefined, limit?: number, signal: AbortSignal }} page @returns {Promise<{ photos: Photo[], next?: string }>} */
  const list = async ({ before, limit = 24, signal }) => {
    const search = new URLSearchParams({ limit: String(limit), ...(before === undefined ? {} : { before }) });
    const page = await api.get(`/photos?${search}`, { signal });
    page.photos.forEach(remember);
    return page;
  };
  return {
    remember,
    list,
    /** @param {string} photoId @param {AbortSignal} signal @returns {Promise<Photo | undefined>} */
    async find(photoId, signal) {
      let before;
      // The API gives the file of one photo, but its measures only in the list.
      while (!known.has(photoId)) {
        const page = await list({ before, limit: 100, signal });
        if (page.next === undefined) break;
        before = page.next;
      }
      return known.get(photoId);
    },
    forget: () => known.clear(),
  };
}
