/** @typedef {import('./crop.js').Pixels} Pixels */
/** @typedef {import('./format.js').Money} Money */
/** @typedef {{ size: string, printableArea: import('./crop.js').PrintableArea, price: Money, minimumPixels: Pixels }} Size */
/** @typedef {{ product: string, name: string, sizes: Size[] }} Product */
/** @typedef {ReturnType<typeof createCatalogue>} Catalogue */

/** What can be ordered; asked for once. @param {import('./api.js').Api} api */
export function createCatalogue(api) {
  /** @type {Promise<Product[]> | undefined} */
  let products;
  return {
    products() {
      products ??= api.get('/products', { anonymous: true }).then((answer) => answer.products);
      products.catch(() => {
        products = undefined;
      });
      return products;
    },
  };
}

/** @param {readonly Product[]} products @param {string} product @param {string} size */
export function findSize(products, product, size) {
  const found = products.find((entry) => entry.product === product);
  const sizeFound = found?.sizes.find((entry) => entry.size === size);
  return found !== undefined && sizeFound !== undefined ? { product: found, size: sizeFound } : undefined;
}

/** The pixels that the photo lacks for this size; undefined if it is good enough. @param {Size} size @param {Pixels} photo */
export function missingPixels(size, photo) {
  const { width, height } = size.minimumPixels;
  const turned = size.printableArea.turnable && photo.width > photo.height !== width > height;
  const needed = turned ? { width: height, height: width } : { width, height };
  return photo.width < needed.width || photo.height < needed.height ? needed : undefined;
}

/** A size's name as people write it. @param {Product} product @param {Size} size */
export function sizeName({ product }, { size, printableArea: { widthMm, heightMm } }) {
  if (product === 'paper') return `${widthMm / 10}\u00a0×\u00a0${heightMm / 10}\u00a0cm`;
  return size.charAt(0).toUpperCase() + size.slice(1);
}
