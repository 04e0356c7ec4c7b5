import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { type Clock, type Logger, ServiceError, systemClock } from '@banyan/core';
import type { Credentials } from './authority.ts';
import { HeldCertificates } from './held-certificates.ts';
import type { ServiceCertificates } from './service-certificates.ts';
import { serviceOfCertificate, serviceUri } from './service-uri.ts';

export interface CertificateFilesOptions {
  /** Holds `tls.crt`, `tls.key` and `ca.crt`, as a Kubernetes secret of that type does. */
  readonly folder: string;
  readonly system: string;
  readonly service: string;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** How often the files are looked at, in ms. Default 10,000. */
  readonly intervalMs?: number;
}

/**
 * Certificates that somebody else issues and renews, such as cert-manager or a SPIFFE helper. Files that are new are used as soon as they are seen;
 * files that do not fit are told of in the log, and what was used before stays in use.
 * @throws ServiceError `failed_precondition` `certificates_unusable`, naming the file and what is wrong
 */
export function readServiceCertificates(options: CertificateFilesOptions): ServiceCertificates {
  const { system, service, clock = systemClock, intervalMs: everyMs = 10_000 } = options;
  const next = (before: Credentials) => readNewer(before, options);
  return new HeldCertificates(readCredentials(options), { system, service, clock, everyMs, next });
}

/** Undefined if the files are the same, or cannot be used as they are now. */
function readNewer(before: Credentials, options: CertificateFilesOptions): Credentials | undefined {
  try {
    const found = readCredentials(options);
    const isSame = Object.entries(found).every(([name, text]) => before[name as keyof Credentials] === text);
    return isSame ? undefined : found;
  } catch (error) {
    options.logger.error('new certificates cannot be used; the old ones stay in use', { error });
    return undefined;
  }
}

function readCredentials({ folder, system, service }: CertificateFilesOptions): Credentials {
  const read = (name: string): string => {
    try {
      return readFileSync(join(folder, name), 'utf8');
    } catch (cause) {
      throw unusable(`${join(folder, name)} cannot be read`, cause);
    }
  };
  const credentials = {
    certificate: read('tls.crt'),
    privateKey: read('tls.key'),
    authorities: read('ca.crt'),
  };
  try {
    // Fails unless the key belongs to the certificate: files that are replaced one after the other do not fit for a moment.
    createSecureContext({
      cert: credentials.certificate,
      key: credentials.privateKey,
      ca: credentials.authorities,
    });
  } catch (cause) {
    throw unusable(`tls.crt and tls.key in ${folder} are no certificate and its key`, cause);
  }
  const { subjectAltName } = new X509Certificate(credentials.certificate);
  if (serviceOfCertificate(system, subjectAltName) !== service) {
    throw unusable(
      `tls.crt in ${folder} is not for '${service}': it needs the URI ${serviceUri(system, service)} and no other`,
    );
  }
  return credentials;
}

function unusable(message: string, cause?: unknown): ServiceError {
  return new ServiceError(`${message}.`, {
    code: 'failed_precondition',
    reason: 'certificates_unusable',
    cause,
  });
}
