import { lostShare, planPrint } from '../crop.js';
import { element } from '../dom.js';
import { drawMug } from './mug.js';
import { drawPaper } from './paper.js';
import { printPicture } from './print-picture.js';
import { drawShirt } from './shirt.js';
import { drawWholePhoto } from './whole-photo.js';

/** @typedef {import('../crop.js').Pixels} Pixels */
/** @typedef {import('../catalogue.js').Size} Size */
/** @typedef {{ product: string, size: Size, photo: Pixels, description: string }} Subject */

/** Shows the handle and most of the print. */
const firstTurnDegrees = 45;

/**
 * How the finished thing will look: drawn from the photo with the crop that the press uses.
 * @param {{ withControls: boolean }} options
 */
export function createPreview({ withControls }) {
  const canvas = element('canvas', { role: 'img' });
  const turn = element('input', {
    type: 'range',
    min: -120,
    max: 120,
    step: 5,
    value: firstTurnDegrees,
    id: 'turn-mug',
  });
  const turnRow = element('div', { class: 'turn' }, element('label', { for: 'turn-mug' }, 'Turn'), turn);
  const modes = modeSwitch(() => draw());
  const stage = element(
    'div',
    { class: 'stage' },
    canvas,
    withControls && element('div', { class: 'stage-controls' }, modes.element, turnRow),
  );
  /** @type {Subject | undefined} */
  let subject;
  /** @type {HTMLImageElement | undefined} */
  let image;
  /** @type {HTMLCanvasElement | undefined} */
  let print;
  /** @type {import('../crop.js').PrintPlan | undefined} */
  let plan;

  const draw = () => {
    const pen = canvas.getContext('2d');
    const unit = devicePixelRatio;
    const width = Math.round(canvas.clientWidth * unit);
    const height = Math.round(canvas.clientHeight * unit);
    if (pen === null || subject === undefined || plan === undefined) return;
    // Too small to show anything, as while the view is being laid out.
    if (Math.min(width, height) < 100 * unit) return;
    canvas.width = width;
    canvas.height = height;
    const style = getComputedStyle(stage);
    const scene = { pen, width, height, unit, print, plan, ink: style.color, font: style.fontFamily };
    if (modes.isWhole) drawWholePhoto(scene, image, subject.photo);
    else if (subject.product === 'mug') drawMug(scene, (turn.valueAsNumber * Math.PI) / 180);
    else if (subject.product === 't-shirt') drawShirt(scene, subject.size.size);
    else drawPaper(scene);
    turnRow.hidden = subject.product !== 'mug' || modes.isWhole;
    canvas.setAttribute(
      'aria-label',
      modes.isWhole ? 'The whole photo; what is not printed is dark.' : subject.description,
    );
  };
  turn.addEventListener('input', draw);
  new ResizeObserver(draw).observe(canvas);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);

  const cut = () => {
    if (subject === undefined) return;
    plan = planPrint(subject.size.printableArea, subject.photo);
    print = image === undefined ? undefined : printPicture(image, subject.photo, plan);
    draw();
  };
  return {
    element: stage,
    /** @param {Subject} next */
    show(next) {
      subject = next;
      cut();
      return /** @type {import('../crop.js').PrintPlan} */ (plan);
    },
    /** The photo's thumbnail first, then the photo. @param {HTMLImageElement} next */
    setImage(next) {
      image = next;
      cut();
    },
  };
}

/** Product or whole photo. @param {() => void} onChange */
function modeSwitch(onChange) {
  let isWhole = false;
  /** @param {string} text @param {boolean} whole */
  const mode = (text, whole) =>
    element(
      'label',
      {},
      element('input', {
        ...{ type: 'radio', name: 'preview-mode', checked: !whole },
        onchange: () => {
          isWhole = whole;
          onChange();
        },
      }),
      element('span', {}, text),
    );
  return {
    element: element(
      'div',
      { class: 'mode-switch', role: 'radiogroup', 'aria-label': 'What the preview shows' },
      mode('Finished', false),
      mode('Crop', true),
    ),
    get isWhole() {
      return isWhole;
    },
  };
}

/** What the crop means, in words. @param {import('../crop.js').PrintPlan} plan @param {Pixels} photo */
export function cropSentence(plan, photo) {
  const percent = Math.round(lostShare(plan, photo) * 100);
  const sharpness = `Prints at ${plan.dpi} dpi.`;
  if (percent < 4) return `Nearly all of your photo is on it. ${sharpness}`;
  const sides =
    plan.kept.width / photo.width < plan.kept.height / photo.height ? 'left and right' : 'top and bottom';
  return `About ${percent} % is cut off, mostly at ${sides}. ${sharpness}`;
}
