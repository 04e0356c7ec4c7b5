import { join, resolve } from 'node:path';
import { createServiceCertificates, readServiceCertificates, type ServiceCertificates } from '@banyan/auth';
import type { Clock, Logger } from '@banyan/core';
import { invalid } from './invalid-setting.ts';

/** Where the certificates of this process's services come from: the process issues them itself, or a folder has one for each. */
export type CertificateSource = 'issued' | { readonly folder: string };

/**
 * `BANYAN_TLS`: `on`, `off`, or a folder. Default: on in production.
 * @throws ServiceError `failed_precondition` `invalid_configuration`
 */
export function parseTls(
  value: string | undefined,
  { directory, development }: { readonly directory: string; readonly development: boolean },
): CertificateSource | undefined {
  if (value === undefined) return development ? undefined : 'issued';
  if (value === 'off') return undefined;
  if (value === 'on') return 'issued';
  if (/^\.{0,2}\//.test(value)) return { folder: resolve(directory, value) };
  throw invalid(
    `BANYAN_TLS takes 'on', 'off', or a folder such as ./tls or /etc/banyan/tls, not '${value}'.`,
  );
}

export interface CertificatesOptions {
  readonly source: CertificateSource;
  readonly secret: string;
  readonly system: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Certificates of the parts of one process. */
export interface Certificates {
  /** The same ones each time. @throws ServiceError `failed_precondition` `certificates_unusable` */
  of(part: string): ServiceCertificates;
  close(): void;
}

export function createCertificates({
  source,
  secret,
  system,
  clock,
  logger,
}: CertificatesOptions): Certificates {
  const known = new Map<string, ServiceCertificates>();
  const create = (service: string) =>
    source === 'issued'
      ? createServiceCertificates({ key: secret, system, service, clock })
      : readServiceCertificates({ folder: join(source.folder, service), system, service, clock, logger });
  return {
    of(part) {
      const certificates = known.get(part) ?? create(part);
      known.set(part, certificates);
      return certificates;
    },
    close() {
      for (const certificates of known.values()) certificates.close();
    },
  };
}
