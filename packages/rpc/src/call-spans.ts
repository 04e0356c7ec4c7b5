import type { Operation } from '@banyan/contract';
import type { SpanKind, SpanType } from '@banyan/telemetry';

/** The spans of calls to one operation, by who calls. */
export interface CallSpans {
  of(caller: string): SpanType;
}

export function createCallSpans(
  operation: Operation,
  { kind, placement }: { readonly kind: SpanKind; readonly placement: 'local' | 'remote' },
): CallSpans {
  const { service, name } = operation;
  // Callers have proven who they are, so there are no more of them than services.
  const known = new Map<string, SpanType>();
  return {
    of(caller) {
      let type = known.get(caller);
      if (type === undefined) {
        const attributes = {
          'rpc.system': 'banyan',
          'rpc.service': service,
          'rpc.method': name,
          'banyan.caller': caller,
          'banyan.placement': placement,
        };
        type = { name: `${service}.${name}`, kind, attributes };
        known.set(caller, type);
      }
      return type;
    },
  };
}
