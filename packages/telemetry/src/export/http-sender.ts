import { Agent, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps, Agent as TlsAgent } from 'node:https';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

const compress = promisify(gzip);
/** Below this a header costs more than the body saves. */
const minGzipBytes = 1_024;
/** Of an answer, of which only a few fields are of interest. */
const maxAnswerBytes = 64 * 1024;

export interface HttpSenderOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly gzip: boolean;
  readonly timeoutMs: number;
}

/** What a receiver did not take of a request that it accepted. */
export interface Rejected {
  readonly items: number;
  readonly why: string;
}

export type SendOutcome =
  | { readonly kind: 'accepted'; readonly rejected: Rejected }
  /** The receiver will not take it later either. */
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'later'; readonly why: string; readonly afterMs: number | undefined };

/** Posts JSON to one URL over connections that stay open. */
export interface HttpSender {
  /** Never rejects. @param signal gives the request up */
  send(body: string, signal: AbortSignal): Promise<SendOutcome>;
  close(): void;
}

/** What the OTLP specification lists as worth another try. */
const laterStatuses: ReadonlySet<number> = new Set([429, 502, 503, 504]);

export function createHttpSender(options: HttpSenderOptions): HttpSender {
  const url = new URL(options.url);
  const isTls = url.protocol === 'https:';
  const agent = new (isTls ? TlsAgent : Agent)({ keepAlive: true, maxSockets: 2 });
  return {
    async send(body, signal) {
      try {
        const isLarge = options.gzip && body.length >= minGzipBytes;
        const bytes = isLarge ? await compress(body, { level: 1 }) : Buffer.from(body);
        return await new Promise((resolve, reject) => {
          const sending = (isTls ? requestHttps : requestHttp)(url, {
            method: 'POST',
            agent,
            signal,
            headers: {
              ...options.headers,
              'content-type': 'application/json',
              'content-length': bytes.length,
              ...(isLarge ? { 'content-encoding': 'gzip' } : undefined),
            },
          });
          // Of the whole request: a receiver that sends a byte now and then is not idle.
          const timer = setTimeout(
            () => sending.destroy(new Error(`no answer within ${options.timeoutMs} ms`)),
            options.timeoutMs,
          ).unref();
          sending.on('close', () => clearTimeout(timer));
          sending.on('error', reject);
          sending.on('response', (response) => resolve(outcomeOf(response)));
          // A receiver that is being waited for does not keep a finished process alive.
          sending.on('socket', (socket) => socket.unref());
          sending.end(bytes);
        });
      } catch (error) {
        return {
          kind: 'later',
          why: error instanceof Error ? error.message : String(error),
          afterMs: undefined,
        };
      }
    },
    close: () => agent.destroy(),
  };
}

async function outcomeOf(response: IncomingMessage): Promise<SendOutcome> {
  let answer = '';
  try {
    for await (const chunk of response.setEncoding('utf8')) {
      answer += chunk;
      // Leaving closes the connection.
      if (answer.length > maxAnswerBytes) break;
    }
  } catch {
    // The status is the answer.
  }
  const { statusCode = 0 } = response;
  if (statusCode >= 200 && statusCode < 300) return { kind: 'accepted', rejected: rejectedOf(answer) };
  const why = `HTTP ${statusCode}`;
  if (!laterStatuses.has(statusCode)) return { kind: 'refused', why };
  return { kind: 'later', why, afterMs: retryAfterOf(response.headers['retry-after']) };
}

const rejectedMembers = ['rejectedSpans', 'rejectedLogRecords', 'rejectedDataPoints'];

/** Of the answer's `partialSuccess`, in which OTLP says so; a 64-bit number is a text in its JSON. */
function rejectedOf(answer: string): Rejected {
  try {
    const { partialSuccess = {} } = JSON.parse(answer) ?? {};
    const counts = rejectedMembers.map((member) => Number(partialSuccess[member] ?? 0));
    const items = counts.find((count) => count > 0) ?? 0;
    return { items, why: `${items} were rejected: ${partialSuccess.errorMessage ?? 'without a reason'}` };
  } catch {
    // An answer that cannot be read rejects nothing: Zipkin's is empty.
    return { items: 0, why: '' };
  }
}

function retryAfterOf(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}
