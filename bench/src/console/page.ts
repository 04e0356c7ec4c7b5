import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';
import { type CaseResult, summarise } from '../harness.ts';

const chromiumPath = process.env['BANYAN_CHROMIUM'] || '/usr/bin/chromium';
const viewport = { width: 1280, height: 800 };

/** When a service is drawn, and the page has nothing more to do than to wait for its user. Milliseconds since it was asked for. */
const watchInteractive = `
  window.interactive = new Promise((resolve) => {
    const look = () => {
      if (document.querySelector('SELECTOR') === null) return requestAnimationFrame(look);
      requestAnimationFrame(() => requestIdleCallback(() => resolve(performance.now())));
    };
    requestAnimationFrame(look);
  });`;

const countFrames = `
  (ms) => new Promise((resolve) => {
    const times = [];
    const began = performance.now();
    const next = (now) => {
      times.push(now);
      if (now - began < ms) requestAnimationFrame(next);
      else resolve(times);
    };
    requestAnimationFrame(next);
  })`;

export interface PageFigures {
  readonly cases: readonly CaseResult[];
  /** The slower of the two pages, in the median. */
  readonly interactiveMs: number;
  /** While the map is live. */
  readonly framesPerSecond: number;
}

/** What somebody sees in Chromium; undefined without one. */
export async function measurePage(
  url: string,
  {
    rounds,
    seconds,
    services,
  }: { readonly rounds: number; readonly seconds: number; readonly services: number },
): Promise<PageFigures | undefined> {
  if (!existsSync(chromiumPath)) return undefined;
  const browser = await chromium.launch({
    executablePath: chromiumPath,
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
  });
  try {
    const pages: CaseResult[] = [];
    for (const [name, path, selector] of [
      [`map of ${services} services`, '/', '.map-node'],
      ['traces', '/traces', 'tbody tr'],
    ] as const) {
      const times: number[] = [];
      for (let round = 0; round < rounds; round += 1)
        times.push(await interactiveMs(browser, `${url}${path}`, selector));
      pages.push(summarise(`page interactive, ${name}`, 'ms', times));
      console.error(`page interactive, ${name}: ${times.map((ms) => ms.toFixed(0)).join(', ')} ms`);
    }
    const frames = await measureFrames(browser, url, { seconds, services });
    return {
      cases: [...pages, ...frames],
      interactiveMs: Math.max(...pages.map(({ median }) => median)),
      framesPerSecond: frames[0]?.median ?? Number.NaN,
    };
  } finally {
    await browser.close();
  }
}

/** In a window of its own, with nothing in its cache. */
async function interactiveMs(browser: Browser, url: string, selector: string): Promise<number> {
  const context = await browser.newContext({ viewport });
  try {
    const page = await context.newPage();
    await page.addInitScript(watchInteractive.replace('SELECTOR', selector));
    await page.goto(url);
    return await page.evaluate<number>('window.interactive');
  } finally {
    await context.close();
  }
}

async function measureFrames(
  browser: Browser,
  url: string,
  { seconds, services }: { readonly seconds: number; readonly services: number },
): Promise<readonly CaseResult[]> {
  const context = await browser.newContext({ viewport });
  const page = await context.newPage();
  await page.goto(url);
  await page
    .locator('.map-node')
    .nth(services - 1)
    .waitFor({ state: 'attached' });
  const before = await numbersOf(page);
  const times = await page.evaluate<number[]>(`(${countFrames})(${seconds * 1_000})`);
  if (before === (await numbersOf(page))) throw new Error('The map is not live: its numbers stand still.');
  await context.close();
  const between = times.slice(1).map((time, index) => time - (times[index] ?? time));
  const sorted = between.toSorted((left, right) => left - right);
  const perSecond = (between.length * 1_000) / between.reduce((sum, each) => sum + each, 0);
  const name = `live map of ${services} services`;
  console.error(`${name}: ${perSecond.toFixed(1)} frames/s, longest ${sorted.at(-1)?.toFixed(0)} ms`);
  return [
    summarise(`${name}, frames`, '/s', [perSecond]),
    summarise(`${name}, frame p99`, 'ms', [sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN]),
  ];
}

function numbersOf(page: Page): Promise<string> {
  return page.evaluate<string>(
    "[...document.querySelectorAll('.map-numbers')].map((each) => each.textContent).join()",
  );
}
