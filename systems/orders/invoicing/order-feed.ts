import { defineFeedReader } from '@banyan/feeds';
import { FeedConfig, feedSettings } from '../consistency/feed-config.ts';
import { invoicing } from './contract.ts';
import { recordInvoice } from './invoices.ts';
import { OrderForInvoicing, toInvoice } from './read-order.ts';

/** The feed of order, for those who do without events. Its place is kept in this service's database. */
export const orderFeed = defineFeedReader(invoicing, 'order', {
  ...feedSettings,
  config: FeedConfig,
  content: OrderForInvoicing,
  handle: async ({ content }, { sql }) => recordInvoice(sql, toInvoice(content)),
});
