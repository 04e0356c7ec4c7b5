// The same arithmetic as the press uses (printing/sheet-layout.ts), so that the preview shows what will be printed.

/** @typedef {{ width: number, height: number }} Pixels */
/** @typedef {Pixels & { left: number, top: number }} Box */
/** @typedef {{ widthMm: number, heightMm: number, turnable: boolean }} PrintableArea */
/**
 * @typedef {object} PrintPlan
 * @property {number} widthMm of the finished print, turned to suit the photo
 * @property {number} heightMm
 * @property {Box} kept the part of the photo that is on the finished print, in pixels of the photo
 * @property {number} dpi as printed
 */

const mmPerInch = 25.4;
const bleedMm = 3;
const maxDpi = 300;

/** @param {PrintableArea} area @param {Pixels} photo @returns {PrintPlan} */
export function planPrint(area, photo) {
  const turn = area.turnable && photo.width > photo.height !== area.widthMm > area.heightMm;
  const widthMm = turn ? area.heightMm : area.widthMm;
  const heightMm = turn ? area.widthMm : area.heightMm;

  const printed = centreCrop(photo, (widthMm + 2 * bleedMm) / (heightMm + 2 * bleedMm));
  // 3 mm on each side are printed only to be cut off.
  const pixelsPerMm = printed.width / (widthMm + 2 * bleedMm);
  return {
    widthMm,
    heightMm,
    kept: {
      left: printed.left + bleedMm * pixelsPerMm,
      top: printed.top + bleedMm * pixelsPerMm,
      width: widthMm * pixelsPerMm,
      height: heightMm * pixelsPerMm,
    },
    dpi: Math.round(Math.min(pixelsPerMm * mmPerInch, maxDpi)),
  };
}

/** The largest part of the photo with this ratio of width to height, from its middle. @param {Pixels} photo @param {number} aspect @returns {Box} */
export function centreCrop(photo, aspect) {
  const width = Math.max(1, Math.min(photo.width, Math.round(photo.height * aspect)));
  const height = Math.max(1, Math.min(photo.height, Math.round(photo.width / aspect)));
  return {
    left: Math.floor((photo.width - width) / 2),
    top: Math.floor((photo.height - height) / 2),
    width,
    height,
  };
}

/** How much of the photo is not on the print, 0–1. @param {PrintPlan} plan @param {Pixels} photo */
export function lostShare({ kept }, photo) {
  return 1 - (kept.width * kept.height) / (photo.width * photo.height);
}
