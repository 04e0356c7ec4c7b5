import { type Clock, systemClock } from '@banyan/core';
import { type Authority, type Credentials, createAuthority } from './authority.ts';
import { serviceOfCertificate } from './service-uri.ts';

/**
 * The certificate of one service in both its parts: it shows it when it is called, and when it calls (mutual TLS, RFC 8446). Renewed while it is used;
 * connections that are open keep the one they began with.
 */
export interface ServiceCertificates {
  readonly service: string;
  current(): Credentials;
  /** Calls `listener` after each renewal. @returns ends that */
  onRenewal(listener: () => void): () => void;
  /** The service that a certificate of this system is about; undefined for any other. @param alternativeNames `subjectaltname` of Node.js */
  serviceOf(alternativeNames: string | undefined): string | undefined;
  /** No renewals after this. Idempotent. */
  close(): void;
}

export interface ServiceCertificatesOptions {
  /** The system's key, base64url of at least 32 bytes. */
  readonly key: string;
  readonly system: string;
  readonly service: string;
  readonly clock?: Clock;
  /** Of each certificate, in ms. Renewed when a third of it is left. Default: a day. */
  readonly lifetimeMs?: number;
}

/** Certificates that the process issues itself, as it could its service tokens. @throws TypeError if the key is too short or the lifetime no time */
export function createServiceCertificates(options: ServiceCertificatesOptions): ServiceCertificates {
  const { system, service, clock = systemClock, lifetimeMs = 86_400_000 } = options;
  if (!(Number.isFinite(lifetimeMs) && lifetimeMs >= 1_000)) {
    throw new TypeError('createServiceCertificates(): `lifetimeMs` must be a second or more.');
  }
  const authority = createAuthority({ key: options.key, system, clock });
  return new IssuedCertificates(authority, { system, service, clock, lifetimeMs });
}

class IssuedCertificates implements ServiceCertificates {
  readonly service: string;
  readonly #authority: Authority;
  readonly #options: Required<Omit<ServiceCertificatesOptions, 'key'>>;
  readonly #listeners = new Set<() => void>();
  #credentials: Credentials;
  #cancelTimer = () => {};

  constructor(authority: Authority, options: Required<Omit<ServiceCertificatesOptions, 'key'>>) {
    this.service = options.service;
    this.#authority = authority;
    this.#options = options;
    this.#credentials = this.#issue();
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

  #issue(): Credentials {
    const { service, lifetimeMs, clock } = this.#options;
    this.#cancelTimer = clock.setTimer(() => this.#renew(), (lifetimeMs * 2) / 3);
    return this.#authority.issue(service, { lifetimeMs });
  }

  #renew(): void {
    this.#credentials = this.#issue();
    for (const listener of this.#listeners) listener();
  }
}
