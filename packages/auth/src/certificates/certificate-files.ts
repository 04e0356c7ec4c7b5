import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { type Clock, type Logger, ServiceError, systemClock } from '@banyan/core';
import type { Credentials } from './authority.ts';
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
  return new FileCertificates(options);
}

class FileCertificates implements ServiceCertificates {
  readonly service: string;
  readonly #options: CertificateFilesOptions;
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  #credentials: Credentials;
  #cancelTimer = () => {};

  constructor(options: CertificateFilesOptions) {
    this.service = options.service;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#credentials = readCredentials(options);
    this.#lookAgain();
  }

  current(): Credentials {
    return this.#credentials;
  }

  onRenewal(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  serviceOf(alternativeNames: string | undefined): string | undefined {
    return serviceOfCertificate(this.#options.system, alternativeNames);
  }

  close(): void {
    this.#cancelTimer();
    this.#listeners.clear();
  }

  #lookAgain(): void {
    this.#cancelTimer = this.#clock.setTimer(() => {
      this.#look();
      this.#lookAgain();
    }, this.#options.intervalMs ?? 10_000);
  }

  #look(): void {
    const before = this.#credentials;
    try {
      const found = readCredentials(this.#options);
      if (Object.entries(found).every(([name, text]) => before[name as keyof Credentials] === text)) return;
      this.#credentials = found;
    } catch (error) {
      this.#options.logger.error('new certificates cannot be used; the old ones stay in use', { error });
      return;
    }
    for (const listener of this.#listeners) listener();
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
