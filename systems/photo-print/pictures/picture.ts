import sharp from 'sharp';
import { createRandom } from './random.ts';

export interface PictureOptions {
  /** Same seed, same picture. */
  readonly seed: string;
  readonly width: number;
  readonly height: number;
  readonly format?: 'jpeg' | 'png' | 'webp';
  /** EXIF orientation (1–8) to write: the pixels are then stored turned, as a camera held upright stores them. */
  readonly orientation?: number;
}

/** A made-up photograph: sky, sun, hills, water and the grain of a sensor. Compresses about as well as a real one. */
export async function makePicture(options: PictureOptions): Promise<Buffer> {
  const { seed, width, height, format = 'jpeg', orientation } = options;
  // A tile may not be larger than what it covers.
  const tile = { width: Math.min(128, width), height: Math.min(128, height), channels: 3 } as const;
  const scene = sharp(Buffer.from(sceneSvg(seed, width, height)))
    .composite([
      { input: grain(seed, tile.width * tile.height * 3), raw: tile, tile: true, blend: 'soft-light' },
    ])
    .removeAlpha();
  const marked = orientation === undefined ? scene : scene.withMetadata({ orientation });
  return marked.toFormat(format, { quality: 90 }).toBuffer();
}

/** The drawing without its grain. */
export function sceneSvg(seed: string, width: number, height: number): string {
  const random = createRandom(seed);
  const between = (low: number, high: number) => low + (high - low) * random();
  const hue = between(0, 360);
  const horizon = between(0.45, 0.7) * height;
  const sun = {
    x: between(0.15, 0.85) * width,
    y: between(0.15, 0.4) * height,
    r: between(0.04, 0.1) * height,
  };
  const hills = [0, 1, 2].map((depth) =>
    hill({ width, height, random, top: horizon - (2 - depth) * 0.07 * height }),
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
    <defs>
      <linearGradient id="sky" x2="0" y2="1">
        <stop stop-color="hsl(${hue}, 60%, 35%)"/><stop offset="1" stop-color="hsl(${hue + 40}, 75%, 80%)"/>
      </linearGradient>
      <radialGradient id="sun">
        <stop stop-color="#fffbe6"/><stop offset="0.6" stop-color="#ffe9a8"/><stop offset="1" stop-color="#ffe9a8" stop-opacity="0"/>
      </radialGradient>
    </defs>
    <rect width="100%" height="100%" fill="url(#sky)"/>
    <circle cx="${sun.x}" cy="${sun.y}" r="${sun.r * 2}" fill="url(#sun)"/>
    ${hills.map((path, depth) => `<path d="${path}" fill="hsl(${hue + 90}, ${30 + depth * 12}%, ${45 - depth * 12}%)"/>`).join('\n')}
  </svg>`;
}

function hill(options: { width: number; height: number; top: number; random: () => number }): string {
  const { width, height, top, random } = options;
  const steps = 8;
  let path = `M0 ${height} L0 ${top}`;
  for (let step = 1; step <= steps; step += 1) {
    const x = (step / steps) * width;
    const middle = x - width / steps / 2;
    path += ` Q${middle} ${top + (random() - 0.5) * 0.2 * height} ${x} ${top + (random() - 0.5) * 0.08 * height}`;
  }
  return `${path} L${width} ${height} Z`;
}

function grain(seed: string, length: number): Buffer {
  const random = createRandom(`${seed} grain`);
  const pixels = Buffer.alloc(length);
  for (let index = 0; index < pixels.length; index += 1) pixels[index] = 96 + Math.floor(random() * 64);
  return pixels;
}
