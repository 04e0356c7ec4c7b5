/**
 * What a preview is drawn with.
 * @typedef {object} Scene
 * @property {CanvasRenderingContext2D} pen
 * @property {number} width in pixels of the canvas
 * @property {number} height
 * @property {number} unit a CSS pixel
 * @property {HTMLCanvasElement | undefined} print the printed picture, once it is there
 * @property {import('../crop.js').PrintPlan} plan
 * @property {string} ink colour for dimensions
 * @property {string} font
 */

/** Draws the print, or a light grey where it will be. @param {Scene} scene @param {{ x: number, y: number, width: number, height: number }} box */
export function drawPrint({ pen, print }, { x, y, width, height }) {
  if (print === undefined) {
    pen.fillStyle = 'rgb(150 150 140 / 25%)';
    pen.fillRect(x, y, width, height);
    return;
  }
  pen.imageSmoothingQuality = 'high';
  pen.drawImage(print, x, y, width, height);
}

/** A soft shadow on the ground. @param {Scene} scene @param {{ x: number, y: number, radiusX: number, radiusY: number, strength: number }} at */
export function drawGroundShadow({ pen }, { x, y, radiusX, radiusY, strength }) {
  pen.save();
  pen.translate(x, y);
  pen.scale(1, radiusY / radiusX);
  const shade = pen.createRadialGradient(0, 0, 0, 0, 0, radiusX);
  shade.addColorStop(0, `rgb(20 18 10 / ${strength})`);
  shade.addColorStop(0.55, `rgb(20 18 10 / ${strength * 0.55})`);
  shade.addColorStop(1, 'rgb(20 18 10 / 0)');
  pen.fillStyle = shade;
  pen.fillRect(-radiusX, -radiusX, 2 * radiusX, 2 * radiusX);
  pen.restore();
}
