import type { Span } from '../../data/api-types.ts';

export type SpanFamily = 'server' | 'client' | 'database' | 'event' | 'saga' | 'internal';

export const familyNames: Record<SpanFamily, string> = {
  server: 'operation',
  client: 'call',
  database: 'SQL',
  event: 'event',
  saga: 'saga',
  internal: 'work',
};

/** What a span is to a reader. */
export function familyOf({ kind, attributes }: Pick<Span, 'kind' | 'attributes'>): SpanFamily {
  if ('db.system.name' in attributes || 'db.system' in attributes) return 'database';
  if ('banyan.saga.name' in attributes) return 'saga';
  switch (kind) {
    case 'producer':
    case 'consumer':
      return 'event';
    case 'server':
    case 'client':
    case 'internal':
      return kind;
  }
}
