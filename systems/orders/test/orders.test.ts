import { describeOrders } from './fixtures/orders-suite.ts';
import { placements } from './fixtures/placements.ts';

for (const [name, placement] of placements) describeOrders(`orders ${name}`, { placement });
