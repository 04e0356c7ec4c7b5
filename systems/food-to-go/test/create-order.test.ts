import { describeCreateOrder } from './fixtures/create-order-suite.ts';
import { everyPart } from './fixtures/food.ts';

describeCreateOrder('orders by orchestration, in one process', 'orchestration');
describeCreateOrder(
  'orders by orchestration, with every service by itself',
  'orchestration',
  everyPart.map((part) => [part]),
);
