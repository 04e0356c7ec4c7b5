import path from 'node:path';

/**
 * The files that take longest, in minutes rather than seconds, the longest first. One that begins last would keep a whole run waiting. A file may be
 * missing here, or be quicker by now: that costs time and nothing else.
 */
const slowFiles: readonly string[] = [
  'systems/photo-print/test/random-groupings.test.ts',
  'test/chaos/event-kills.test.ts',
  'test/chaos/consumer-stopped.test.ts',
  'packages/rabbitmq/test/server-faults.test.ts',
  'test/e2e/events-command.test.ts',
  'packages/nats/test/nats-cluster.test.ts',
  'test/chaos/event-members.test.ts',
  'systems/food-to-go/test/create-order-choreography.test.ts',
  'systems/food-to-go/test/listeners-killed.test.ts',
  'systems/photo-print/test/photo-print.test.ts',
  'systems/photo-print/test/web-page.test.ts',
  'test/e2e/command-line.test.ts',
  'packages/saga/test/recovery.test.ts',
];

/** The same files: the slow ones first, the others in the order in which they came. */
export function slowestFirst(root: string, files: readonly string[]): readonly string[] {
  const slow = slowFiles.map((name) => path.join(root, name)).filter((file) => files.includes(file));
  return [...slow, ...files.filter((file) => !slow.includes(file))];
}
