import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { silentLogger } from '@banyan/core';
import { temporaryFolder, type Undoing } from '@banyan/testing';
import { buildConsole } from '../../apps/console/build.ts';
import { consoleSite } from '../../packages/banyan/src/console/site.ts';

async function pageSources(t: Undoing) {
  const home = await temporaryFolder(t, 'page');
  const main = join(home, 'src', 'main.tsx');
  mkdirSync(join(home, 'src'));
  let changedS = 1_700_000_000;
  return {
    home,
    write(source: string) {
      changedS += 1;
      writeFileSync(main, source);
      utimesSync(main, changedS, changedS);
    },
  };
}

/** The script that the page names. */
function scriptIn(folder: string): string {
  const page = readFileSync(join(folder, 'index.html'), 'utf8');
  return readFileSync(join(folder, /src="\/([^"]+)"/.exec(page)?.[1] ?? ''), 'utf8');
}

test('a page that a start is reading stays whole while another start builds a newer one', async (t) => {
  const { home, write } = await pageSources(t);
  write("document.title = 'first'");
  const first = await buildConsole(home);
  const files = readdirSync(first);
  write("document.title = 'second'");
  const [second, again] = await Promise.all([buildConsole(home), buildConsole(home)]);
  assert.equal(second, again);
  assert.match(scriptIn(second), /second/);
  assert.deepEqual(readdirSync(first), files);
  assert.match(scriptIn(first), /first/);
  assert.equal(readdirSync(join(home, 'dist')).length, 2);
});

test('a page that cannot be built is told of, and built once its sources are mended', async (t) => {
  const { home, write } = await pageSources(t);
  write('const = 1');
  await assert.rejects(buildConsole(home), /main\.tsx/);
  const builder = join(home, 'build.mjs');
  const build = pathToFileURL(join(import.meta.dirname, '../../apps/console/build.ts'));
  writeFileSync(
    builder,
    `import { buildConsole as build } from '${build}';\nexport const buildConsole = () => build(${JSON.stringify(home)});`,
  );
  const notes: string[] = [];
  const options = {
    logger: silentLogger,
    progress: { note: (text: string) => notes.push(text) },
    builder: pathToFileURL(builder),
  };
  assert.equal(await consoleSite(options), undefined);
  assert.deepEqual(notes, ['The console has no page: it cannot be built, the log says why.']);
  write("document.title = 'mended'");
  assert.ok(await consoleSite(options));
});
