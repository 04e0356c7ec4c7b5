/** The whole photo, with everything darkened that the print leaves out. @param {import('./scene.js').Scene} scene @param {HTMLImageElement | undefined} image @param {import('../crop.js').Pixels} photo */
export function drawWholePhoto({ pen, width: sceneWidth, height: sceneHeight, unit, plan }, image, photo) {
  const margin = 28 * unit;
  const scale = Math.min((sceneWidth - 2 * margin) / photo.width, (sceneHeight - 2 * margin) / photo.height);
  const width = photo.width * scale;
  const height = photo.height * scale;
  const x = (sceneWidth - width) / 2;
  const y = (sceneHeight - height) / 2;
  const { left, top, width: keptWidth, height: keptHeight } = plan.kept;
  const kept = {
    x: x + left * scale,
    y: y + top * scale,
    width: keptWidth * scale,
    height: keptHeight * scale,
  };

  if (image !== undefined) {
    pen.imageSmoothingQuality = 'high';
    pen.drawImage(image, x, y, width, height);
  }
  pen.beginPath();
  pen.rect(x, y, width, height);
  pen.rect(kept.x, kept.y, kept.width, kept.height);
  pen.fillStyle = 'rgb(16 18 16 / 66%)';
  pen.fill('evenodd');
  pen.lineWidth = 2 * unit;
  pen.strokeStyle = '#fff';
  pen.strokeRect(kept.x, kept.y, kept.width, kept.height);
}
