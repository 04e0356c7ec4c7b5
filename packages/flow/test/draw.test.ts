import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawFlow, type FlowView, flow } from '@banyan/flow';
import { accounting, createOrder, kitchen, orders } from './fixtures/orders.ts';

const good = '#dff3e4';
const waiting = '#e1ecfb';
const undone = '#eceff3';
const bad = '#fbe1e0';

/** Colour of each box by its title. */
function boxesOf(svg: string): Readonly<Record<string, string>> {
  const boxes = svg.matchAll(
    /fill="(#[0-9a-f]{6})" stroke="[^"]+" stroke-width="[^"]+"[^>]*\/><text[^>]*>([^<]+)</g,
  );
  return Object.fromEntries([...boxes].map(([, fill = '', title = '']) => [title, fill]));
}

test('a flow is drawn with the path that it took and what it waits for', () => {
  const view: FlowView = {
    ...{ flow: 'createOrder', key: 'o1', status: 'open' },
    steps: [
      { name: 'order', state: 'done', doneAt: '2026-01-01T10:00:00.000Z' },
      { name: 'ticket', state: 'open' },
      { name: 'card', state: 'open' },
      { name: 'confirmation', state: 'open' },
    ],
    waitsFor: [{ step: 'ticket', what: 'done', events: ['kitchen.ticketCreated'] }],
    ...{ startedAt: '2026-01-01T10:00:00.000Z', lastAt: '2026-01-01T10:00:00.000Z' },
    lateSince: '2026-01-01T10:01:05.000Z',
  };
  const svg = drawFlow(createOrder, view);
  assert.match(svg, /aria-label="Flow createOrder o1: open, late"/);
  assert.match(svg, /done 10:00:00/);
  assert.match(svg, /waits for kitchen\.ticketCreated/);
  const none = '#ffffff';
  assert.deepEqual(boxesOf(svg), { order: good, ticket: waiting, card: none, confirmation: none, end: none });
});

test('a flow that failed shows what failed and what was undone', () => {
  const at = '2026-01-01T10:00:00.000Z';
  const svg = drawFlow(createOrder, {
    ...{ flow: 'createOrder', key: '<o1>', status: 'failed' },
    steps: [
      { name: 'order', state: 'done', doneAt: at },
      { name: 'ticket', state: 'undone', doneAt: at, undoneAt: at },
      { name: 'card', state: 'failed', failedAt: at },
      { name: 'confirmation', state: 'open' },
    ],
    ...{ waitsFor: [], startedAt: at, lastAt: at, endedAt: at },
  });
  assert.ok(!svg.includes('<o1>'));
  assert.deepEqual(boxesOf(svg), {
    ...{ order: good, ticket: undone, card: bad, confirmation: '#ffffff', failed: bad },
  });
});

test('steps that go on side by side stand side by side, each with its lines', () => {
  const svg = drawFlow(
    flow('sideBySide', {
      key: 'orderId',
      steps: {
        order: { done: orders.events.created },
        ticket: { done: kitchen.events.ticketCreated },
        card: { done: accounting.events.cardRefused, after: ['order'] },
      },
      lateAfterMs: 1_000,
    }),
  );
  const yOf = (title: string) =>
    new RegExp(`<rect x="[-\\d.]+" y="([\\d.]+)"[^>]*/><text[^>]*>${title}<`).exec(svg)?.[1];
  assert.equal(yOf('ticket'), yOf('card'));
  assert.notEqual(yOf('order'), yOf('card'));
  // order to ticket, order to card, and both to the end.
  assert.equal(svg.match(/<line /g)?.length, 4);
});
