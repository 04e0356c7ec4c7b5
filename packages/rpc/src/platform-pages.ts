import type { IncomingMessage, ServerResponse } from 'node:http';
import { ServiceError } from '@banyan/core';
import { type ExpositionFormat, expositionContentTypes, type Metrics } from '@banyan/telemetry';
import { writeProblem } from './http/response.ts';

export interface Health {
  readonly part: string;
  readonly ready: boolean;
  readonly reason?: string;
}

export interface PlatformPagesOptions {
  readonly service: string;
  /** Shown at `/metrics`, which is 404 without it. */
  readonly metrics: Metrics | undefined;
  /** Whether the service can do its work; undefined: it can. */
  readonly health: (() => Promise<Health>) | undefined;
}

const paths: ReadonlySet<string> = new Set(['/health/live', '/health/ready', '/health/startup', '/metrics']);

/** What the platform says of a service: whether it lives, whether it has started, whether it is ready, and its metrics. */
export class PlatformPages {
  readonly #options: PlatformPagesOptions;
  /** It has been ready once: from then on what is missing concerns readiness alone. */
  #hasStarted = false;

  constructor(options: PlatformPagesOptions) {
    this.#options = options;
  }

  /** True if the request is for one of these pages, and will be answered. */
  serve({ method, url = '', headers }: IncomingMessage, response: ServerResponse): boolean {
    if (!paths.has(url) || (method !== 'GET' && method !== 'HEAD')) return false;
    const format = headers.accept?.includes('application/openmetrics-text') ? 'openmetrics' : 'prometheus';
    this.#answer(url, response, format).catch((error) => writeProblem(response, error));
    return true;
  }

  async #answer(path: string, response: ServerResponse, format: ExpositionFormat): Promise<void> {
    const { service, metrics, health } = this.#options;
    if (path === '/health/live') writeText(response, 200, 'application/json', '{"live":true}');
    else if (path === '/health/startup' && this.#hasStarted)
      writeText(response, 200, 'application/json', '{"started":true}');
    else if (path.startsWith('/health/')) {
      const verdict = (await health?.()) ?? { part: service, ready: true };
      this.#hasStarted ||= verdict.ready;
      writeText(response, verdict.ready ? 200 : 503, 'application/json', JSON.stringify(verdict));
    } else if (metrics !== undefined) {
      writeText(response, 200, expositionContentTypes[format], metrics.render(format));
    } else throw notFound();
  }
}

export function notFound(): ServiceError {
  return new ServiceError('There is nothing at this address.', {
    code: 'not_found',
    reason: 'route_not_found',
  });
}

function writeText(response: ServerResponse, status: number, type: string, text: string): void {
  const bytes = Buffer.from(text);
  response.writeHead(status, {
    'content-type': type,
    'content-length': bytes.length,
    'cache-control': 'no-store',
  });
  response.end(bytes);
}
