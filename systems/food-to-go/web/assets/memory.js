/** Who sits at a desk in this tab, for when the page is loaded again. @param {string} desk */
export function recall(desk) {
  return sessionStorage.getItem(`food-to-go.${desk}`) ?? undefined;
}

/** @param {string} desk @param {string} id */
export function remember(desk, id) {
  sessionStorage.setItem(`food-to-go.${desk}`, id);
}
