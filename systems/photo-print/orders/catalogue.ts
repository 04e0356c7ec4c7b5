import type { Pixels, PrintableArea, Product, Size } from './contract.ts';

const mmPerInch = 25.4;

export const catalogue: Product[] = [
  {
    product: 'paper',
    name: 'Photo paper',
    sizes: [
      paper('10x15', { widthMm: 100, heightMm: 150, cents: 39 }),
      paper('13x18', { widthMm: 130, heightMm: 180, cents: 69 }),
      paper('20x30', { widthMm: 200, heightMm: 300, cents: 349 }),
      paper('30x45', { widthMm: 300, heightMm: 450, cents: 799 }),
    ],
  },
  {
    product: 'mug',
    name: 'Mug',
    sizes: [size('standard', { widthMm: 200, heightMm: 90, turnable: false, cents: 1299, minimumDpi: 120 })],
  },
  {
    product: 't-shirt',
    name: 'T-shirt',
    sizes: [
      shirt('S', { widthMm: 220, heightMm: 280 }),
      shirt('M', { widthMm: 250, heightMm: 320 }),
      shirt('L', { widthMm: 280, heightMm: 350 }),
      shirt('XL', { widthMm: 300, heightMm: 380 }),
    ],
  },
];

/** Undefined if we do not print this product in this size. */
export function findSize(product: string, size: string): Size | undefined {
  return catalogue.find((entry) => entry.product === product)?.sizes.find((entry) => entry.size === size);
}

/** What is missing to print a photo of `actual` pixels at `size`; undefined if it is good enough. */
export function missingPixels(size: Size, actual: Pixels): { needed: Pixels; actual: Pixels } | undefined {
  const { width, height } = size.minimumPixels;
  const turned = size.printableArea.turnable && actual.width > actual.height !== width > height;
  const needed = turned ? { width: height, height: width } : { width, height };
  return actual.width < needed.width || actual.height < needed.height ? { needed, actual } : undefined;
}

function paper(name: string, at: { widthMm: number; heightMm: number; cents: number }): Size {
  return size(name, { ...at, turnable: true, minimumDpi: 150 });
}

function shirt(name: string, at: { widthMm: number; heightMm: number }): Size {
  return size(name, { ...at, turnable: false, cents: 1999, minimumDpi: 100 });
}

function size(name: string, at: PrintableArea & { cents: number; minimumDpi: number }): Size {
  const { widthMm, heightMm, turnable, cents, minimumDpi } = at;
  const pixels = (mm: number) => Math.ceil((mm / mmPerInch) * minimumDpi);
  return {
    size: name,
    printableArea: { widthMm, heightMm, turnable },
    price: { amount: cents, currency: 'EUR' },
    minimumPixels: { width: pixels(widthMm), height: pixels(heightMm) },
  };
}
