/**
 * The part of a photo that will be on the print, as a picture of its own.
 * @param {HTMLImageElement} image the photo, or its thumbnail
 * @param {import('../crop.js').Pixels} photo its true size
 * @param {import('../crop.js').PrintPlan} plan
 * @returns {HTMLCanvasElement}
 */
export function printPicture(image, photo, { kept, widthMm, heightMm }) {
  const scale = image.naturalWidth / photo.width;
  const longest = Math.min(maxSide, Math.max(kept.width, kept.height) * scale);
  const perMm = longest / Math.max(widthMm, heightMm);
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(widthMm * perMm));
  canvas.height = Math.max(1, Math.round(heightMm * perMm));
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  pen.imageSmoothingQuality = 'high';
  // Presses put transparent pictures on white.
  pen.fillStyle = '#fff';
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(
    image,
    ...[kept.left * scale, kept.top * scale, kept.width * scale, kept.height * scale],
    ...[0, 0, canvas.width, canvas.height],
  );
  return canvas;
}

const maxSide = 1_600;
