/** What one gateway accepts at most. Every limit is optional; times in milliseconds. */
export interface GatewayLimits {
  /** Largest JSON body in bytes. Default 1 MiB. Uploads have the `maxBytes` of their operation. */
  readonly maxJsonBytes: number;
  /** Largest XML body in bytes. Default 256 KiB: reading XML takes ten times as long as reading JSON. */
  readonly maxXmlBytes: number;
  /** Largest sum of request line and header bytes. Default 16 KiB. */
  readonly maxHeaderBytes: number;
  /** Upper bound on `timeoutMs` of every operation, and on the arrival of a whole request. Default 300,000. */
  readonly requestTimeoutMs: number;
  /** Time within which the headers must have arrived. Default 10,000. */
  readonly headersTimeoutMs: number;
  /** Time an idle connection stays open. Default 65,000: longer than load balancers keep theirs, so that they close first. */
  readonly keepAliveTimeoutMs: number;
  /** A connection on which no byte moves for this long during a request is closed. Default 60,000. */
  readonly stalledAfterMs: number;
  /** Slowest accepted average of a request body, in bytes per second, after 10 seconds. Default 1,024. */
  readonly minBodyBytesPerSecond: number;
  /** Open connections; further ones are closed at once. Default 10,000. */
  readonly maxConnections: number;
  /** Requests in progress, of all clients. Default 1,024. */
  readonly maxConcurrentRequests: number;
  /** Requests in progress of one client address. Default 256; raise it behind a proxy, where all clients share an address. */
  readonly maxConcurrentPerClient: number;
  /** Memory for answers that are kept, in bytes; one may have a sixteenth of it. Default 64 MiB. */
  readonly maxCacheBytes: number;
}

export const defaultLimits: GatewayLimits = {
  maxJsonBytes: 1_048_576,
  maxXmlBytes: 262_144,
  maxHeaderBytes: 16_384,
  requestTimeoutMs: 300_000,
  headersTimeoutMs: 10_000,
  keepAliveTimeoutMs: 65_000,
  stalledAfterMs: 60_000,
  minBodyBytesPerSecond: 1_024,
  maxConnections: 10_000,
  maxConcurrentRequests: 1_024,
  maxConcurrentPerClient: 256,
  maxCacheBytes: 64 * 1_048_576,
};

/** What is wrong with `limits`, with the fix. */
export function limitProblems(limits: Readonly<Record<string, unknown>>): string[] {
  const problems: string[] = [];
  for (const [name, value] of Object.entries(limits)) {
    if (!Object.hasOwn(defaultLimits, name)) {
      problems.push(`'limits.${name}' is unknown; there are ${Object.keys(defaultLimits).join(', ')}.`);
    } else if (!(Number.isSafeInteger(value) && (value as number) > 0)) {
      problems.push(`'limits.${name}' must be a whole number above 0.`);
    }
  }
  return problems;
}
