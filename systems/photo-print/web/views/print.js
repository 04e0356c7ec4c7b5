import { findSize, missingPixels, sizeName } from '../catalogue.js';
import { choice } from '../components/choice.js';
import { loaded } from '../components/loaded.js';
import { createStepper } from '../components/stepper.js';
import { viewHead } from '../components/view-head.js';
import { element } from '../dom.js';
import { formatMoney, formatPixels } from '../format.js';
import { createPreview, cropSentence } from '../preview/preview.js';
import { Problem } from '../problem.js';
import { linkTo } from '../router.js';

/** @typedef {import('../catalogue.js').Product} Product */
/** @typedef {import('../catalogue.js').Size} Size */
/** @typedef {{ product: Product, size: Size, quantity: number }} Selection */

/** Choosing what the photo becomes. @type {import('../app.js').MakeView} */
export function printView(app, { params: { photoId }, query }, signal) {
  return {
    title: 'Choose your print',
    flow: true,
    content: element(
      'div',
      { class: 'print-view' },
      viewHead('How shall it look?', { back: { link: linkTo('/photos'), text: 'Photos' } }),
      loaded({
        signal,
        load: () => loadSubject(app, photoId, signal),
        show: ({ photo, products }) => designer(app, { photo, products, query }),
      }),
    ),
  };
}

/** @param {import('../app.js').App} app @param {string} photoId @param {AbortSignal} signal */
async function loadSubject(app, photoId, signal) {
  const [photo, products] = await Promise.all([app.photos.find(photoId, signal), app.catalogue.products()]);
  if (photo === undefined) throw new Problem('photoNotFound', { status: 404 });
  return { photo, products };
}

/** @param {import('../app.js').App} app @param {{ photo: import('../photos.js').Photo, products: Product[], query: URLSearchParams }} subject */
function designer(app, { photo, products, query }) {
  const preview = createPreview({ withControls: true });
  const cropText = element('p', { class: 'soft small crop-text', role: 'status' });
  const price = element('p', { class: 'price figures' });
  const sum = element('p', { class: 'soft small figures' });
  const onward = element('a', { class: 'button' }, 'Continue');
  const productList = element('div', { class: 'choices product-choices' });
  const sizeList = element('div', { class: 'choices size-choices' });
  const selected = firstSelection(products, photo, query);

  const show = () => {
    const { product, size, quantity } = selected;
    const plan = preview.show({ product: product.product, size, photo, description: describe(selected) });
    cropText.textContent = cropSentence(plan, photo);
    price.textContent = formatMoney({ ...size.price, amount: size.price.amount * quantity });
    sum.textContent =
      quantity === 1 ? 'plus postage' : `${quantity} × ${formatMoney(size.price)}, plus postage`;
    const choices = { product: product.product, size: size.size, quantity };
    onward.setAttribute('href', linkTo(`/photos/${photo.photoId}/checkout`, choices));
    app.note(linkTo(`/photos/${photo.photoId}/print`, choices));
  };
  const fillSizes = () => {
    sizeList.replaceChildren(
      ...selected.product.sizes.map((size) =>
        sizeChoice(selected, size, {
          photo,
          onChosen: () => {
            selected.size = size;
            show();
          },
        }),
      ),
    );
  };
  productList.append(
    ...products.map((product) => {
      const fitting = product.sizes.find((size) => missingPixels(size, photo) === undefined);
      return choice({
        ...{ name: 'product', value: product.product, text: product.name, symbol: product.product },
        checked: product === selected.product,
        disabled: fitting === undefined,
        note:
          fitting === undefined
            ? 'Your photo is too small for it.'
            : `from ${formatMoney(cheapest(product))}`,
        onChosen: () => {
          if (fitting === undefined) return;
          selected.product = product;
          selected.size = fitting;
          fillSizes();
          show();
        },
      });
    }),
  );
  const quantity = createStepper({
    ...{ label: 'How many?', value: selected.quantity, min: 1, max: 100 },
    onChange: (value) => {
      selected.quantity = value;
      show();
    },
  });
  fillSizes();
  show();
  void showPhoto(app, photo, preview);

  if (products.every((product) => product.sizes.every((size) => missingPixels(size, photo) !== undefined))) {
    onward.hidden = true;
    sum.textContent = `Your photo has ${formatPixels(photo)}: too few for every size. Choose another photo.`;
    price.textContent = '';
  }
  return element(
    'div',
    { class: 'designer' },
    element('div', { class: 'designer-preview' }, preview.element, cropText),
    element(
      'div',
      { class: 'designer-choices stack' },
      element('fieldset', {}, element('legend', {}, 'Product'), productList),
      element('fieldset', {}, element('legend', {}, 'Size'), sizeList),
      quantity,
    ),
    element('div', { class: 'action-bar' }, element('div', {}, price, sum), onward),
  );
}

/** @param {Selection} selected @param {Size} size @param {{ photo: import('../crop.js').Pixels, onChosen: () => void }} more */
function sizeChoice(selected, size, { photo, onChosen }) {
  const needed = missingPixels(size, photo);
  return choice({
    name: 'size',
    value: size.size,
    text: sizeName(selected.product, size),
    checked: size === selected.size,
    disabled: needed !== undefined,
    note:
      needed === undefined ? undefined : `Needs ${formatPixels(needed)}; yours has ${formatPixels(photo)}.`,
    trailing: formatMoney(size.price),
    onChosen,
  });
}

/** What the address says, else the first thing that the photo is large enough for. @returns {Selection} */
function firstSelection(products, photo, query) {
  const asked = findSize(products, query.get('product') ?? '', query.get('size') ?? '');
  const number = Math.round(Number(query.get('quantity')));
  const quantity = number >= 1 && number <= 100 ? number : 1;
  if (asked !== undefined && missingPixels(asked.size, photo) === undefined) return { ...asked, quantity };
  for (const product of products) {
    const size = product.sizes.find((entry) => missingPixels(entry, photo) === undefined);
    if (size !== undefined) return { product, size, quantity };
  }
  const [product] = products;
  return { product, size: product.sizes[0], quantity };
}

/** @param {Product} product */
function cheapest({ sizes }) {
  return sizes
    .map(({ price }) => price)
    .reduce((least, price) => (price.amount < least.amount ? price : least));
}

/** @param {Selection} selected */
function describe({ product, size }) {
  return `Preview: your photo on ${product.name.toLowerCase()}, ${sizeName(product, size)}.`;
}

/** The thumbnail at once, then the photo itself. @param {import('../app.js').App} app @param {import('../photos.js').Photo} photo @param {ReturnType<typeof createPreview>} preview */
export async function showPhoto(app, photo, preview) {
  let isFull = false;
  const small = app.images.thumbnail(photo.photoId).then(
    (image) => {
      if (!isFull) preview.setImage(image);
    },
    // The photo itself may still come.
    () => undefined,
  );
  try {
    const image = await app.images.full(photo.photoId);
    isFull = true;
    preview.setImage(image);
  } catch {
    await small;
  }
}
