import path from 'node:path';

/**
 * The files that take longest, in minutes rather than seconds, the longest first. One that begins last would keep a whole run waiting. A file may be
 * missing here, or be quicker by now: that costs time and nothing else.
 */
const slowFiles: readonly string[] = [
  'test/chaos/consumer-stopped.test.ts',
  'test/chaos/event-kills.test.ts',
  'test/e2e/events-command.test.ts',
  'test/e2e/events-late.test.ts',
  'packages/nats/test/nats-cluster.test.ts',
  'packages/rabbitmq/test/server-faults.test.ts',
  'test/e2e/console.test.ts',
  'test/chaos/event-members.test.ts',
  'systems/food-to-go/test/listeners-killed.test.ts',
  'packages/saga/test/recovery.test.ts',
  'systems/food-to-go/test/create-order-choreography.test.ts',
  'packages/chassis/test/messages.test.ts',
  'packages/saga/test/durable-recovery.test.ts',
  'systems/photo-print/test/web-page.test.ts',
  'packages/chassis/test/message-instances.test.ts',
  'packages/postgres/test/events/conformance.test.ts',
  'systems/photo-print/test/random-groupings.test.ts',
  'systems/interactions/test/sync-and-async.test.ts',
  'packages/feeds/test/feedparser.test.ts',
  'test/e2e/command-line.test.ts',
  'test/e2e/console-command.test.ts',
  'systems/food-to-go/test/ticket-and-delivery.test.ts',
  'systems/photo-print/test/photo-print.test.ts',
  'test/chaos/kill-services.test.ts',
  'test/shipped/shipped.test.ts',
];

/** The same files: the slow ones first, the others in the order in which they came. */
export function slowestFirst(root: string, files: readonly string[]): readonly string[] {
  const slow = slowFiles.map((name) => path.join(root, name)).filter((file) => files.includes(file));
  return [...slow, ...files.filter((file) => !slow.includes(file))];
}
