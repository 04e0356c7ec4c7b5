import type { EdgeOptions, PartHealth } from '@banyan/chassis';
import { ServiceError } from '@banyan/core';
import { renderApiPage } from './api-page.ts';
import type { Exchange } from './exchange.ts';
import type { GatewayDefinition } from './gateway.ts';
import type { HeaderList } from './security-headers.ts';
import type { Target } from './target.ts';
import { documentedRoutes } from './versions/exposed-versions.ts';
import type { Traffic } from './versions/traffic.ts';

/** `GET /health/live`: the process answers. */
export function createLivenessTarget(): Target {
  return {
    route: '/health/live',
    handle(exchange) {
      answerText(exchange, jsonHeaders(exchange), '{"status":"ok"}');
      return undefined;
    },
  };
}

/** `GET /health/ready`: every part that a request may need is there; 503 while the gateway stops, so that balancers look elsewhere. */
export function createReadinessTarget(
  options: Pick<EdgeOptions, 'health' | 'logger'>,
  isDraining: () => boolean,
): Target {
  // Probes that come faster than the answer share it.
  let checking: Promise<readonly PartHealth[]> | undefined;
  return {
    route: '/health/ready',
    async handle(exchange) {
      checking ??= options.health().finally(() => {
        checking = undefined;
      });
      const missing = (await checking).filter((part) => !part.ready);
      if (missing.length > 0) {
        options.logger.info('not ready', { parts: missing });
        throw notReady(missing.map((part) => part.part));
      }
      if (isDraining()) throw notReady(['gateway']);
      answerText(exchange, jsonHeaders(exchange), '{"status":"ready"}');
    },
  };
}

/** Stands for the reader's own address in the page, which is made once for each set of routes. */
const placeholder = 'https://gateway.invalid';

/** `GET /docs`: the API page. */
export function createDocsTarget(
  definition: GatewayDefinition,
  systemName: string,
  traffic: Traffic,
): Target {
  let page = '';
  let shown: string | undefined;
  return {
    route: '/docs',
    handle(exchange) {
      const routes = documentedRoutes(definition.routes, traffic);
      const wanted = JSON.stringify(routes.map(({ operation }) => operation.name));
      if (shown !== wanted) {
        shown = wanted;
        page = renderApiPage({
          title: definition.title ?? systemName,
          description: definition.description,
          routes,
          formats: definition.formats,
          origin: placeholder,
        });
      }
      const headers = exchange.headers('document');
      headers.push('cache-control', 'no-store', 'content-type', 'text/html; charset=utf-8');
      answerText(exchange, headers, page.replaceAll(placeholder, originOf(exchange.request.headers.host)));
      return undefined;
    },
  };
}

/** As the reader wrote it; a public name without a port is taken to be behind TLS. The syntax of Host has been checked. */
function originOf(host: string | undefined): string {
  if (host === undefined) return 'http://localhost';
  const isLocal = /:\d+$/.test(host) || /^(localhost|127\.|\[::1)/.test(host);
  return `${isLocal ? 'http' : 'https'}://${host}`;
}

function jsonHeaders(exchange: Exchange): HeaderList {
  const headers = exchange.headers('api');
  headers.push('cache-control', 'no-store', 'content-type', 'application/json');
  return headers;
}

function answerText(exchange: Exchange, headers: HeaderList, text: string): void {
  const body = Buffer.from(text);
  headers.push('content-length', String(body.length));
  exchange.answer(200, headers, body);
}

/** Names the parts and keeps their reasons, which may name hosts, for the log. */
function notReady(parts: readonly string[]): ServiceError {
  return new ServiceError(`Not ready: ${parts.join(', ')}.`, {
    code: 'unavailable',
    reason: 'not_ready',
    details: { parts },
    retryAfterMs: 1_000,
  });
}
