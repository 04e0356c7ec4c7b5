import { type CloudEvent, encodeEvent } from '../cloud-event.ts';
import type { EventLog } from '../event-log.ts';

export function createMemoryEventLog(): EventLog {
  const events: CloudEvent[] = [];
  const ids = new Set<string>();
  const listeners = new Set<(topics: readonly string[] | undefined) => void>();
  return {
    id: 'memory',
    async publish(batch) {
      for (const event of batch) {
        if (ids.has(event.id)) continue;
        ids.add(event.id);
        // A copy, as every real log makes one.
        events.push(JSON.parse(encodeEvent(event)) as CloudEvent);
      }
      if (batch.length === 0) return;
      const topics = [...new Set(batch.map((event) => event.banyanname))];
      for (const listener of listeners) listener(topics);
    },
    async read(topics, after, limit) {
      const page: CloudEvent[] = [];
      let position = after === undefined ? 0 : Number(after);
      for (; position < events.length && page.length < limit; position += 1) {
        const event = events[position];
        if (event !== undefined && topics.includes(event.banyanname)) page.push(event);
      }
      return { events: page, position: String(position), more: position < events.length };
    },
    latest: async () => String(events.length),
    onAppend(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
