import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApi } from '../demo/api.ts';
import { gather } from '../demo/cast.ts';
import { createReport } from '../demo/report.ts';
import { play } from '../demo/scenes.ts';
import { startFood } from './fixtures/food.ts';

test('the walk of npm run demo:food finds everything as it should be', async (t) => {
  const food = await startFood(t);
  const lines: string[] = [];
  const report = createReport((line) => lines.push(line));
  await play(await gather(createApi(food.system.publicUrl ?? '')), report);
  assert.equal(report.wrong, 0, lines.join('\n'));
  assert.equal(lines.filter((line) => line.includes('✓')).length, 12, lines.join('\n'));
});
