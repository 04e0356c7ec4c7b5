import { drawPrint } from './scene.js';

const largestSideMm = 450;

/** A borderless print lying there, with its measures. Larger sizes look larger, though not to scale. @param {import('./scene.js').Scene} scene */
export function drawPaper(scene) {
  const { pen, plan, unit } = scene;
  const { widthMm, heightMm } = plan;
  const room = { width: scene.width - 84 * unit, height: scene.height - 68 * unit };
  const sizeShare = 0.78 + 0.22 * Math.min(1, Math.max(widthMm, heightMm) / largestSideMm);
  const perMm = Math.min(room.width / widthMm, room.height / heightMm) * sizeShare;
  const width = widthMm * perMm;
  const height = heightMm * perMm;
  const box = {
    x: (scene.width - width) / 2 - 8 * unit,
    y: (scene.height - height) / 2 - 8 * unit,
    width,
    height,
  };

  pen.save();
  pen.shadowColor = 'rgb(25 20 8 / 38%)';
  pen.shadowBlur = 26 * unit;
  pen.shadowOffsetY = 10 * unit;
  pen.fillStyle = '#fff';
  pen.fillRect(box.x, box.y, box.width, box.height);
  pen.restore();
  drawPrint(scene, box);

  // Light from above left on a surface with a slight sheen.
  const sheen = pen.createLinearGradient(box.x, box.y, box.x + width, box.y + height);
  sheen.addColorStop(0, 'rgb(255 255 255 / 12%)');
  sheen.addColorStop(0.4, 'rgb(255 255 255 / 0%)');
  sheen.addColorStop(1, 'rgb(0 0 0 / 5%)');
  pen.fillStyle = sheen;
  pen.fillRect(box.x, box.y, width, height);
  drawMeasures(scene, box);
}

/** @param {import('./scene.js').Scene} scene @param {{ x: number, y: number, width: number, height: number }} box */
function drawMeasures({ pen, plan, unit, ink, font }, { x, y, width, height }) {
  const away = 14 * unit;
  pen.strokeStyle = ink;
  pen.fillStyle = ink;
  pen.lineWidth = unit;
  pen.font = `${12 * unit}px ${font}`;
  pen.textAlign = 'center';
  pen.textBaseline = 'top';
  line(pen, { x, y: y + height + away }, { x: x + width, y: y + height + away }, 3 * unit);
  pen.fillText(`${plan.widthMm / 10} cm`, x + width / 2, y + height + away + 5 * unit);
  line(pen, { x: x + width + away, y }, { x: x + width + away, y: y + height }, 3 * unit);
  pen.save();
  pen.translate(x + width + away + 5 * unit, y + height / 2);
  pen.rotate(-Math.PI / 2);
  pen.fillText(`${plan.heightMm / 10} cm`, 0, 0);
  pen.restore();
}

/** A line with a small bar at each end. @param {CanvasRenderingContext2D} pen @param {{ x: number, y: number }} from @param {{ x: number, y: number }} to @param {number} bar */
function line(pen, from, to, bar) {
  const upright = from.x === to.x;
  pen.beginPath();
  pen.moveTo(from.x, from.y);
  pen.lineTo(to.x, to.y);
  for (const { x, y } of [from, to]) {
    pen.moveTo(upright ? x - bar : x, upright ? y : y - bar);
    pen.lineTo(upright ? x + bar : x, upright ? y : y + bar);
  }
  pen.stroke();
}
