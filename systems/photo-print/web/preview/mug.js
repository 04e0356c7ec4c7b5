import { drawGroundShadow } from './scene.js';

// A common 330 ml mug, in millimetres. The print wraps around most of it; the handle is in the gap.
const radiusMm = 40;
const heightMm = 96;
const handleMm = 33;
const handleHeightMm = 58;
const handleThicknessMm = 9;
/** How round top and bottom look, seen from slightly above. */
const tilt = 0.2;

/**
 * A mug with the print bent around it, as it would be seen.
 * @param {import('./scene.js').Scene} scene
 * @param {number} turn radians; 0 shows the middle of the print
 */
export function drawMug(scene, turn) {
  const { unit } = scene;
  const perMm = Math.min(
    (scene.width - 48 * unit) / (2 * (radiusMm + handleMm)),
    (scene.height - 56 * unit) / (heightMm + 2 * radiusMm * tilt),
  );
  const mug = {
    x: scene.width / 2,
    top: scene.height / 2 - (heightMm / 2) * perMm - 2 * unit,
    radius: radiusMm * perMm,
    height: heightMm * perMm,
    lip: radiusMm * tilt * perMm,
    perMm,
  };
  const bottom = mug.top + mug.height;
  drawGroundShadow(scene, {
    x: mug.x + 6 * unit,
    y: bottom + mug.lip * 0.55,
    radiusX: mug.radius * 1.5,
    radiusY: mug.lip * 1.5,
    strength: 0.42,
  });
  // The handle is opposite the middle of the print.
  const handleAngle = Math.PI - turn;
  const inFront = Math.cos(handleAngle) > 0;
  if (!inFront) drawHandle(scene, mug, handleAngle);
  drawBody(scene, mug);
  drawWrap(scene, mug, turn);
  drawLight(scene, mug);
  if (inFront) drawHandle(scene, mug, handleAngle);
  drawRim(scene, mug);
}

/** @typedef {{ x: number, top: number, radius: number, height: number, lip: number, perMm: number }} Mug */

/** @param {CanvasRenderingContext2D} pen @param {Mug} mug */
function outline(pen, { x, top, radius, height, lip }) {
  pen.beginPath();
  pen.moveTo(x - radius, top);
  pen.lineTo(x - radius, top + height - lip * 0.4);
  pen.ellipse(x, top + height - lip * 0.4, radius, lip * 1.15, 0, Math.PI, 0, true);
  pen.lineTo(x + radius, top);
  pen.ellipse(x, top, radius, lip, 0, 0, Math.PI, false);
  pen.closePath();
}

/** @param {import('./scene.js').Scene} scene @param {Mug} mug */
function drawBody({ pen }, mug) {
  outline(pen, mug);
  pen.fillStyle = '#fbfaf7';
  pen.fill();
}

/** Column by column: how far around the mug each one is decides which part of the print it shows. @param {import('./scene.js').Scene} scene @param {Mug} mug @param {number} turn */
function drawWrap({ pen, print, plan }, mug, turn) {
  const printHeight = plan.heightMm * mug.perMm;
  const gap = (mug.height - printHeight) / 2;
  pen.imageSmoothingQuality = 'high';
  for (let column = Math.ceil(-mug.radius); column < mug.radius; column += 1) {
    const share = column / mug.radius;
    const aroundMm = wrapped(Math.asin(share) + turn) * radiusMm;
    if (Math.abs(aroundMm) > plan.widthMm / 2) continue;
    const y = mug.top + gap + mug.lip * Math.sqrt(1 - share * share);
    if (print === undefined) {
      pen.fillStyle = 'rgb(150 150 140 / 25%)';
      pen.fillRect(mug.x + column, y, 1, printHeight);
      continue;
    }
    const sourceWidth = Math.max(
      1,
      print.width / plan.widthMm / mug.perMm / Math.max(0.12, Math.sqrt(1 - share * share)),
    );
    const source = (aroundMm / plan.widthMm + 0.5) * print.width - sourceWidth / 2;
    const left = Math.min(Math.max(0, source), print.width - sourceWidth);
    // A little wider than a pixel, so that no seams shine through.
    pen.drawImage(print, left, 0, sourceWidth, print.height, mug.x + column, y, 1.6, printHeight);
  }
}

/** @param {number} angle @returns {number} the same angle from -π to π */
function wrapped(angle) {
  return angle - 2 * Math.PI * Math.round(angle / (2 * Math.PI));
}

/** @param {import('./scene.js').Scene} scene @param {Mug} mug */
function drawLight({ pen }, mug) {
  const { x, radius } = mug;
  outline(pen, mug);
  const shade = pen.createLinearGradient(x - radius, 0, x + radius, 0);
  shade.addColorStop(0, 'rgb(30 26 16 / 34%)');
  shade.addColorStop(0.1, 'rgb(30 26 16 / 14%)');
  shade.addColorStop(0.24, 'rgb(255 255 255 / 20%)');
  shade.addColorStop(0.32, 'rgb(255 255 255 / 5%)');
  shade.addColorStop(0.6, 'rgb(30 26 16 / 0%)');
  shade.addColorStop(0.86, 'rgb(30 26 16 / 17%)');
  shade.addColorStop(1, 'rgb(30 26 16 / 46%)');
  pen.fillStyle = shade;
  pen.fill();
  const ground = pen.createLinearGradient(0, mug.top, 0, mug.top + mug.height + mug.lip);
  ground.addColorStop(0.8, 'rgb(30 26 16 / 0%)');
  ground.addColorStop(1, 'rgb(30 26 16 / 20%)');
  pen.fillStyle = ground;
  pen.fill();
}

/** @param {import('./scene.js').Scene} scene @param {Mug} mug */
function drawRim({ pen, unit }, { x, top, radius, lip }) {
  pen.beginPath();
  pen.ellipse(x, top, radius, lip, 0, 0, 2 * Math.PI);
  pen.fillStyle = '#fdfcfa';
  pen.fill();
  pen.lineWidth = unit * 0.6;
  pen.strokeStyle = 'rgb(60 52 36 / 22%)';
  pen.stroke();
  const inside = pen.createLinearGradient(x - radius, 0, x + radius, 0);
  inside.addColorStop(0, '#b9b4a8');
  inside.addColorStop(0.45, '#d9d5cb');
  inside.addColorStop(1, '#f1eee7');
  pen.beginPath();
  pen.ellipse(x, top + unit * 0.8, radius * 0.93, lip * 0.84, 0, 0, 2 * Math.PI);
  pen.fillStyle = inside;
  pen.fill();
}

/** A flat bow, seen from the side the more it points sideways. @param {import('./scene.js').Scene} scene @param {Mug} mug @param {number} angle 0 points at the viewer */
function drawHandle({ pen }, { x, top, radius, height, lip, perMm }, angle) {
  const sideways = Math.sin(angle);
  const root = x + sideways * radius * 0.97;
  const out = sideways * handleMm * perMm;
  const drop = Math.cos(angle) * lip;
  const middle = top + height * 0.5 + drop;
  const half = (handleHeightMm / 2) * perMm;
  const thickness = handleThicknessMm * perMm;
  pen.save();
  pen.lineCap = 'round';
  for (const { colour, width, shift } of [
    { colour: '#cfcabd', width: 1, shift: 0 },
    { colour: '#f0ede6', width: 0.72, shift: -0.08 },
    { colour: '#fbfaf7', width: 0.3, shift: -0.16 },
  ]) {
    pen.beginPath();
    pen.moveTo(root, middle - half + shift * thickness);
    pen.bezierCurveTo(
      ...[root + out * 1.25, middle - half * 1.08 + shift * thickness],
      ...[root + out * 1.25, middle + half * 1.08 + shift * thickness],
      ...[root, middle + half * 0.86 + shift * thickness],
    );
    pen.lineWidth = thickness * width;
    pen.strokeStyle = colour;
    pen.stroke();
  }
  pen.restore();
}
