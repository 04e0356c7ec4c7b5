import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually, temporaryFolder } from '@banyan/testing';
import { noChromium, type PageBrowser, startPageBrowser } from '../support/page-browser.ts';
import { consoleOf, startSystem } from '../support/running-system.ts';

const directory = fileURLToPath(new URL('./fixtures/notes-system/', import.meta.url));

describe('what was, in the console of a system that has run before, in Chromium', {
  skip: noChromium,
}, () => {
  let url: string;
  let consoleUrl: string;
  let browser: PageBrowser;
  const cleanUps: (() => unknown)[] = [];
  const write = async (id: string, note: object) => {
    const answer = await fetch(`${url}/notes/${id}`, {
      method: 'PUT',
      body: JSON.stringify(note),
      headers: { 'content-type': 'application/json' },
    });
    assert.equal(answer.status, 200, await answer.text());
  };
  const ask = async <Answer>(path: string) => (await (await fetch(consoleUrl + path)).json()) as Answer;
  before(async () => {
    const suite = { after: (cleanUp: () => unknown) => void cleanUps.unshift(cleanUp) };
    const dataFolder = await temporaryFolder(suite, 'looking-back');
    const start = async () => {
      const system = await startSystem(suite, {
        ...{ directory, dataFolder, flags: ['--calm'] },
        environment: { CONSOLE_PORT: '0' },
      });
      url = system.url;
      consoleUrl = consoleOf(system);
      return system;
    };
    const first = await start();
    await write('1', { text: 'the first draft', colour: 'green' });
    await first.stop();
    await start();
    await write('1', { text: 'the second draft' });
    browser = await startPageBrowser(suite, consoleUrl);
  });
  after(async () => {
    for (const cleanUp of cleanUps) await cleanUp();
  });

  test('the live tail shows a line that is written after the page was opened, and holds on request', async (t) => {
    const page = await browser.open(t, '/logs?service=notes', 'laptop');
    await page.getByText('Live, newest first.').waitFor();
    const line = (id: string) => page.getByRole('button', { name: `a note is written note=${id}` });
    await line('1').first().waitFor();
    await write('tail', { text: 'now' });
    await line('tail').waitFor();

    await page.getByRole('button', { name: 'Hold' }).click();
    await page.getByText('Held: new lines wait.').waitFor();
    await write('held', { text: 'later' });
    await eventually(
      () => ask<{ lines: readonly { attributes: { note?: string } }[] }>('/api/logs?service=notes'),
      ({ lines }) => lines.some(({ attributes }) => attributes.note === 'held'),
    );
    await page.getByRole('button', { name: 'Go on' }).click();
    await line('held').waitFor();
  });

  test('two traces are compared: what one of them has alone, and where the other took longer', async (t) => {
    const reading = await fetch(`${url}/notes/1`);
    assert.deepEqual(await reading.json(), { texts: ['the first draft', 'the second draft'] });
    const page = await browser.open(t, '/traces', 'laptop');
    await page.getByRole('link', { name: 'GET /notes/:id gateway' }).click();
    await page.getByRole('button', { name: 'Compare' }).click();
    await page.getByText('Choose another trace to compare with').waitFor();
    const writing = page.getByRole('row').filter({ hasText: 'PUT /notes/:id' });
    await writing.first().getByRole('button', { name: 'with this' }).click();
    await page.getByRole('heading', { level: 1, name: 'Two traces' }).waitFor();
    const rows = page
      .getByRole('region', { name: 'Operations, the largest difference first' })
      .getByRole('row');
    const cellsOf = async (operation: string) => {
      const row = rows.filter({ hasText: operation });
      await row.waitFor();
      return row.getByRole('cell').allInnerTexts();
    };
    const [, readFirst, readSecond, readChange] = await cellsOf('notes.read');
    assert.match(readFirst ?? '', /^\d.* (µs|ms|s)$/);
    assert.equal(readSecond, 'not there');
    assert.match(readChange ?? '', /^−.* ▼$/);
    const [, writtenFirst, writtenSecond, writtenChange] = await cellsOf('notes.write');
    assert.equal(writtenFirst, 'not there');
    assert.match(writtenSecond ?? '', /^\d.* (µs|ms|s)$/);
    assert.match(writtenChange ?? '', /^\+.* ▲$/);
    const sides = page.getByRole('link', { name: /^(GET|PUT) \/notes\/:id$/ });
    assert.deepEqual(await sides.allInnerTexts(), ['GET /notes/:id', 'PUT /notes/:id']);
  });

  test('a run is compared with the one before it: its line is in the same chart', async (t) => {
    const { runs } = await ask<{ runs: readonly { runId: string; endedAt?: string }[] }>('/api/runs');
    assert.deepEqual(
      runs.map(({ endedAt }) => endedAt !== undefined),
      [false, true],
    );
    const page = await browser.open(t, '/metrics?service=notes', 'laptop');
    const requests = page.getByRole('figure', { name: 'Requests per second' });
    await requests.getByText('Latest values as a table').click();
    const values = requests.getByRole('listitem');
    await values.filter({ hasNotText: 'other run' }).first().waitFor();
    assert.equal(await values.filter({ hasText: 'other run' }).count(), 0);
    const asked = page.waitForResponse((answer) => /\/api\/traffic\?.*runId=/.test(answer.url()));
    await page.getByLabel('Compare with another run').selectOption({ index: 1 });
    await values.filter({ hasText: /^notes notes\.write, other run/ }).waitFor();
    assert.equal(new URL(page.url()).searchParams.get('run'), runs[1]?.runId);
    // As long as that run was, and not as if it had begun with time itself: what it did would be one point.
    const { stepMs } = (await (await asked).json()) as { stepMs: number };
    assert.equal(stepMs, 10_000);
  });

  test('an event stream shows what its events say, and the state as of an earlier one', async (t) => {
    const page = await browser.open(t, '/streams', 'laptop');
    await page.getByRole('link', { name: 'note-1' }).click();
    const events = page.getByRole('region', { name: 'Events, oldest first' });
    const row = (index: number) => events.getByRole('row').nth(index + 1);
    await row(1).waitFor();
    const data = events.getByRole('region', { name: 'Data of NoteWritten' });
    await row(0).getByRole('button', { name: 'NoteWritten' }).click();
    assert.deepEqual(JSON.parse(await data.innerText()), { text: 'the first draft', colour: 'green' });
    await row(1).getByRole('button', { name: 'NoteWritten' }).click();
    await data.getByText('the second draft').waitFor();
    assert.deepEqual(JSON.parse(await data.innerText()), { text: 'the second draft' });

    const state = page.getByRole('region', { name: 'State', exact: true });
    await state.getByText('the second draft').waitFor();
    assert.deepEqual(JSON.parse(await state.innerText()), { text: 'the second draft', colour: 'green' });
    await row(0).getByRole('button', { name: 'Show' }).click();
    await page.getByRole('heading', { name: /^As of / }).waitFor();
    await state.getByText('the first draft').waitFor();
    assert.deepEqual(JSON.parse(await state.innerText()), { text: 'the first draft', colour: 'green' });
    await page.getByRole('button', { name: 'Now' }).click();
    await page.getByRole('main').getByRole('heading', { name: 'Now' }).waitFor();
    await state.getByText('the second draft').waitFor();
  });
});
