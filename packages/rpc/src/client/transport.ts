import { Agent, type ClientRequest, type RequestOptions, request as requestPlain } from 'node:http';
import { request as requestTls, Agent as TlsAgent } from 'node:https';
import type { ServiceCertificates } from '@banyan/auth';
import { clientTls, materialOf } from '../tls.ts';

/** How the connections to one service are made. */
export interface Transport {
  /** What the addresses of instances begin with; others are not for this caller. */
  readonly scheme: 'http://' | 'https://';
  /** The event of a socket after which something may have been sent. */
  readonly connected: 'connect' | 'secureConnect';
  /** Over a connection that is kept for further requests, or one that is the request's own. */
  request(url: string, options: RequestOptions, use: 'shared' | 'own'): ClientRequest;
  /** Closes the shared connections. */
  close(): void;
}

const pooled = { keepAlive: true, maxFreeSockets: 64 } as const;

export function createTransport(callee: string, certificates: ServiceCertificates | undefined): Transport {
  return certificates === undefined ? plainTransport() : tlsTransport(callee, certificates);
}

function plainTransport(): Transport {
  const agent = new Agent(pooled);
  return {
    scheme: 'http://',
    connected: 'connect',
    request: (url, options, use) =>
      requestPlain(url, { ...options, agent: use === 'shared' ? agent : false }),
    close: () => agent.destroy(),
  };
}

function tlsTransport(callee: string, certificates: ServiceCertificates): Transport {
  // A resumed session would go on with a certificate that has been replaced since.
  const agent = new TlsAgent({ ...pooled, ...clientTls(certificates, callee), maxCachedSessions: 0 });
  // Connections that are open go on; new ones read the options.
  const endRenewals = certificates.onRenewal(() => Object.assign(agent.options, materialOf(certificates)));
  return {
    scheme: 'https://',
    connected: 'secureConnect',
    request: (url, options, use) =>
      requestTls(
        url,
        use === 'shared'
          ? { ...options, agent }
          : { ...options, ...clientTls(certificates, callee), agent: false },
      ),
    close() {
      endRenewals();
      agent.destroy();
    },
  };
}
