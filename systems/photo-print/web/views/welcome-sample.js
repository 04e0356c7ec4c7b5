import { createPreview } from '../preview/preview.js';

/** Where there is no photo of the customer's yet, one of ours. */
const sample = {
  url: '/icons/sample.svg',
  photo: { width: 1600, height: 1200 },
  size: {
    size: 'standard',
    printableArea: { widthMm: 200, heightMm: 90, turnable: false },
    price: { amount: 0, currency: 'EUR' },
    minimumPixels: { width: 1, height: 1 },
  },
};

/** A mug with a landscape on it. @returns {HTMLElement} */
export function createSample() {
  const preview = createPreview({ withControls: false });
  preview.show({
    product: 'mug',
    size: sample.size,
    photo: sample.photo,
    description: 'A mug with a landscape printed around it.',
  });
  const image = new Image();
  image.src = sample.url;
  image.decode().then(
    () => preview.setImage(image),
    // The mug stays white; nothing depends on it.
    () => undefined,
  );
  return preview.element;
}
