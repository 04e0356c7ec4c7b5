import { createServer, type Server } from 'node:http';
import { writeProblem } from './http/response.ts';
import { listenOn } from './listen.ts';
import { notFound, PlatformPages, type PlatformPagesOptions } from './platform-pages.ts';

/** Health and metrics over plain HTTP, for probes that have no certificate of the system; nothing else is here. */
export interface ProbeServer {
  /** @throws ServiceError `failed_precondition` `port_taken` */
  start(): Promise<void>;
  stop(): void;
}

export function createProbeServer(
  pages: PlatformPages,
  { host, port }: { readonly host: string; readonly port: number },
): ProbeServer {
  const server: Server = createServer(
    { requestTimeout: 10_000, headersTimeout: 10_000 },
    (request, response) => {
      if (!pages.serve(request, response)) writeProblem(response, notFound());
    },
  );
  return {
    async start() {
      await listenOn(server, { host, port });
    },
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** The same for a part of a system that is no service, and so has no internal port. */
export function createPartProbes(
  part: PlatformPagesOptions,
  address: { readonly host: string; readonly port: number },
): ProbeServer {
  return createProbeServer(new PlatformPages(part), address);
}
