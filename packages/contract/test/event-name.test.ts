import assert from 'node:assert/strict';
import { test } from 'node:test';
import { event, eventNameIssue } from '@banyan/contract';
import { z } from 'zod';

test('a name in the past tense is one for an event, with regular and irregular verbs', () => {
  const names = [
    ...['OrderPlaced', 'TicketPickedUp', 'TicketPreparationStarted', 'OrderAcceptedForShipping', 'Booked'],
    ...['ParcelSent', 'MessageRead', 'GoodsSold', 'InvoicePaid', 'BookWritten', 'FundsWithdrawn', 'VoteCast'],
    ...['OfferResent', 'RoomRebuilt', 'RevisionUndone', 'AccountOverdrawn', 'HTTPCallMade', 'Order2Shipped'],
  ];
  for (const name of names) assert.equal(eventNameIssue(name), undefined, name);
});

test('commands, states and things are refused as names of events, with the fix in the text', () => {
  const names = [
    ...['PlaceOrder', 'OrderPlacing', 'Order', 'CancelOrder', 'OrderIsOpen', 'ShippingCost', 'PayrollRun'],
    // They end in `ed` all the same.
    ...['PaymentNeed', 'NewsFeed', 'SpeedLimit', 'Bed', 'HundredOrders'],
  ];
  for (const name of names) assert.match(eventNameIssue(name) ?? '', /past tense.*anyName/, name);
  for (const name of ['orderPlaced', 'order-placed', 'Order_Placed', '']) {
    assert.match(eventNameIssue(name) ?? '', /PascalCase/, name);
    assert.match(eventNameIssue(name, true) ?? '', /PascalCase/, name);
  }
});

test('names of storage are refused: an event says what happened in the business', () => {
  for (const name of ['OrderUpdated', 'RowInserted', 'CustomerDeleted', 'OrdersUpserted']) {
    assert.match(eventNameIssue(name) ?? '', /what happens to rows/, name);
  }
  for (const name of ['OrderPlacedEvent', 'OrderChangedData', 'PlacedDto']) {
    assert.match(eventNameIssue(name) ?? '', /leave '\w+' out/, name);
  }
});

test('whoever knows better says so, at the event', () => {
  const options = { data: z.object({ orderId: z.string() }), key: 'orderId' } as const;
  assert.throws(() => event('StockLow', options), {
    name: 'TypeError',
    message: /event\('StockLow'\): name it in the past tense.*anyName: true/,
  });
  assert.equal(event('StockLow', { ...options, anyName: true }).type, 'StockLow');
});
