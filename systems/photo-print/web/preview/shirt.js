import { drawPrint } from './scene.js';

/** Flat measures in millimetres: armpit to armpit, shoulder to hem. @type {Record<string, { chest: number, length: number }>} */
const measures = {
  S: { chest: 460, length: 700 },
  M: { chest: 510, length: 720 },
  L: { chest: 560, length: 740 },
  XL: { chest: 610, length: 760 },
};
const printBelowShoulderMm = 115;

/** A white T-shirt with the print on its chest, to scale. @param {import('./scene.js').Scene} scene @param {string} size */
export function drawShirt(scene, size) {
  const { pen, plan, unit } = scene;
  const { chest, length } = measures[size] ?? { chest: 2 * plan.widthMm, length: 1.42 * 2 * plan.widthMm };
  const perMm = Math.min((scene.width - 20 * unit) / (chest * 1.56), (scene.height - 40 * unit) / length);
  const shirt = {
    x: scene.width / 2,
    y: (scene.height - length * perMm) / 2,
    half: (chest / 2) * perMm,
    long: length * perMm,
  };

  pen.save();
  pen.shadowColor = 'rgb(25 20 8 / 30%)';
  pen.shadowBlur = 22 * unit;
  pen.shadowOffsetY = 9 * unit;
  outline(pen, shirt);
  pen.fillStyle = '#f6f4ef';
  pen.fill();
  pen.restore();

  drawCloth(scene, shirt);
  const box = {
    x: shirt.x - (plan.widthMm / 2) * perMm,
    y: shirt.y + printBelowShoulderMm * perMm,
    width: plan.widthMm * perMm,
    height: plan.heightMm * perMm,
  };
  // The cloth's folds go on through the ink.
  pen.save();
  pen.globalCompositeOperation = 'multiply';
  pen.globalAlpha = 0.97;
  drawPrint(scene, box);
  pen.restore();
  drawFolds(scene, shirt);
  drawCollar(scene, shirt);
}

/** @typedef {{ x: number, y: number, half: number, long: number }} Shirt */

/** @param {CanvasRenderingContext2D} pen @param {Shirt} shirt */
function outline(pen, { x, y, half, long }) {
  const neck = half * 0.36;
  pen.beginPath();
  pen.moveTo(x - neck, y);
  for (const side of [-1, 1]) {
    /** @type {(dx: number, dy: number) => [x: number, y: number]} */
    const at = (dx, dy) => [x + side * dx, y + dy];
    const shoulder = [
      at(neck, 0),
      at(half * 0.98, long * 0.065),
      at(half * 1.5, long * 0.29),
      at(half * 1.13, long * 0.365),
    ];
    const body = [at(half, long * 0.29), at(half * 0.985, long * 0.6), at(half * 1.01, long * 0.985)];
    if (side === -1) {
      curve(pen, shoulder[1], at(half * 0.7, long * 0.01));
      curve(pen, shoulder[2], at(half * 1.28, long * 0.15));
      curve(pen, shoulder[3], at(half * 1.36, long * 0.34));
      pen.lineTo(...body[0]);
      curve(pen, body[2], body[1]);
      // The hem.
      pen.quadraticCurveTo(x, y + long * 1.01, x + half * 1.01, y + long * 0.985);
    } else {
      curve(pen, body[0], body[1]);
      pen.lineTo(...shoulder[3]);
      curve(pen, shoulder[2], at(half * 1.36, long * 0.34));
      curve(pen, shoulder[1], at(half * 1.28, long * 0.15));
      curve(pen, shoulder[0], at(half * 0.7, long * 0.01));
    }
  }
  pen.bezierCurveTo(x + neck * 0.72, y + long * 0.085, x - neck * 0.72, y + long * 0.085, x - neck, y);
  pen.closePath();
}

/** @param {CanvasRenderingContext2D} pen @param {[x: number, y: number]} to @param {[x: number, y: number]} through */
function curve(pen, to, through) {
  pen.quadraticCurveTo(...through, ...to);
}

/** @param {import('./scene.js').Scene} scene @param {Shirt} shirt */
function drawCloth({ pen }, shirt) {
  const { x, half } = shirt;
  outline(pen, shirt);
  const cloth = pen.createLinearGradient(x - half * 1.5, 0, x + half * 1.5, 0);
  cloth.addColorStop(0, '#dedad0');
  cloth.addColorStop(0.2, '#f2efe9');
  cloth.addColorStop(0.42, '#fcfbf8');
  cloth.addColorStop(0.75, '#f1eee7');
  cloth.addColorStop(1, '#d6d1c6');
  pen.fillStyle = cloth;
  pen.fill();
}

/** @param {import('./scene.js').Scene} scene @param {Shirt} shirt */
function drawFolds({ pen, unit }, shirt) {
  const { x, y, half, long } = shirt;
  pen.save();
  outline(pen, shirt);
  pen.clip();
  pen.lineCap = 'round';
  pen.filter = `blur(${3.5 * unit}px)`;
  for (const side of [-1, 1]) {
    pen.strokeStyle = 'rgb(70 62 44 / 17%)';
    pen.lineWidth = 7 * unit;
    pen.beginPath();
    pen.moveTo(x + side * half * 1.0, y + long * 0.27);
    pen.quadraticCurveTo(x + side * half * 0.9, y + long * 0.16, x + side * half * 0.93, y + long * 0.07);
    pen.moveTo(x + side * half * 0.98, y + long * 0.33);
    pen.quadraticCurveTo(x + side * half * 0.72, y + long * 0.42, x + side * half * 0.55, y + long * 0.62);
    pen.moveTo(x + side * half * 0.99, y + long * 0.62);
    pen.quadraticCurveTo(x + side * half * 0.8, y + long * 0.72, x + side * half * 0.76, y + long * 0.97);
    pen.stroke();
    pen.strokeStyle = 'rgb(255 255 255 / 22%)';
    pen.lineWidth = 6 * unit;
    pen.beginPath();
    pen.moveTo(x + side * half * 0.86, y + long * 0.36);
    pen.quadraticCurveTo(x + side * half * 0.62, y + long * 0.46, x + side * half * 0.46, y + long * 0.66);
    pen.stroke();
  }
  pen.restore();
}

/** @param {import('./scene.js').Scene} scene @param {Shirt} shirt */
function drawCollar({ pen }, { x, y, half, long }) {
  const neck = half * 0.36;
  pen.lineCap = 'butt';
  // The inside of the back.
  pen.beginPath();
  pen.moveTo(x - neck, y);
  pen.bezierCurveTo(x - neck * 0.72, y + long * 0.085, x + neck * 0.72, y + long * 0.085, x + neck, y);
  pen.quadraticCurveTo(x, y + long * 0.032, x - neck, y);
  pen.fillStyle = '#d3cec2';
  pen.fill();
  for (const { colour, width } of [
    { colour: 'rgb(80 72 54 / 24%)', width: 7.5 },
    { colour: '#f7f5f0', width: 6 },
  ]) {
    pen.beginPath();
    pen.moveTo(x - neck, y);
    pen.bezierCurveTo(x - neck * 0.72, y + long * 0.085, x + neck * 0.72, y + long * 0.085, x + neck, y);
    pen.lineWidth = (width * half) / 90;
    pen.strokeStyle = colour;
    pen.stroke();
  }
}
