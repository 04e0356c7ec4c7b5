import type { Job } from './contract.ts';

export interface Pixels {
  readonly width: number;
  readonly height: number;
}

/** Everything about a sheet that can be worked out without touching a picture. Points are 1/72 inch, from the bottom left. */
export interface SheetLayout {
  readonly page: { readonly width: number; readonly height: number };
  /** Where the knife cuts. */
  readonly trim: Box;
  /** What is printed: the trim and 3 mm more on each side, so that an inexact cut shows no white. */
  readonly bleed: Box;
  /** The part of the photo that fills the bleed box, in pixels from the top left. */
  readonly crop: Pixels & { readonly left: number; readonly top: number };
  /** Resolution to embed that part with: as it is, or reduced to 300 dpi. */
  readonly image: Pixels;
  readonly dpi: number;
}

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const mmPerInch = 25.4;
const bleedMm = 3;
/** From the trim to the page's edge: room for the bleed, the crop marks and a line of text. */
export const marginMm = 12;
const maxDpi = 300;

export function pointsOf(mm: number): number {
  return (mm / mmPerInch) * 72;
}

export function layOutSheet(area: Job['printableArea'], photo: Pixels): SheetLayout {
  const turn = area.turnable && photo.width > photo.height !== area.widthMm > area.heightMm;
  const widthMm = turn ? area.heightMm : area.widthMm;
  const heightMm = turn ? area.widthMm : area.heightMm;
  const bleedWidthMm = widthMm + 2 * bleedMm;
  const bleedHeightMm = heightMm + 2 * bleedMm;

  const crop = centreCrop(photo, bleedWidthMm / bleedHeightMm);
  const nativeDpi = (crop.width / bleedWidthMm) * mmPerInch;
  const dpi = Math.min(nativeDpi, maxDpi);
  return {
    page: { width: pointsOf(widthMm + 2 * marginMm), height: pointsOf(heightMm + 2 * marginMm) },
    trim: box(marginMm, widthMm, heightMm),
    bleed: box(marginMm - bleedMm, bleedWidthMm, bleedHeightMm),
    crop,
    image: {
      width: Math.max(1, Math.round((crop.width * dpi) / nativeDpi)),
      height: Math.max(1, Math.round((crop.height * dpi) / nativeDpi)),
    },
    dpi: Math.round(dpi),
  };
}

/** The largest part of `photo` with this ratio of width to height, from its middle. */
export function centreCrop(photo: Pixels, aspect: number): SheetLayout['crop'] {
  const width = Math.max(1, Math.min(photo.width, Math.round(photo.height * aspect)));
  const height = Math.max(1, Math.min(photo.height, Math.round(photo.width / aspect)));
  return {
    left: Math.floor((photo.width - width) / 2),
    top: Math.floor((photo.height - height) / 2),
    width,
    height,
  };
}

function box(offsetMm: number, widthMm: number, heightMm: number): Box {
  return {
    x: pointsOf(offsetMm),
    y: pointsOf(offsetMm),
    width: pointsOf(widthMm),
    height: pointsOf(heightMm),
  };
}
