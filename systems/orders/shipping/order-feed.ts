import { defineFeedReader } from '@banyan/feeds';
import { FeedConfig, feedSettings } from '../consistency/feed-config.ts';
import { shipping } from './contract.ts';
import { OrderForShipping, toDelivery } from './read-order.ts';
import { recordShipment } from './shipments.ts';

/** The feed of order, for those who do without events. Its place is kept in this service's database. */
export const orderFeed = defineFeedReader(shipping, 'order', {
  ...feedSettings,
  config: FeedConfig,
  content: OrderForShipping,
  handle: async ({ content }, { sql }) => recordShipment(sql, toDelivery(content)),
});
