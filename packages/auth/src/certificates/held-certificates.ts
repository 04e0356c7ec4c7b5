import type { Clock } from '@banyan/core';
import type { Credentials } from './authority.ts';
import type { ServiceCertificates } from './service-certificates.ts';
import { serviceOfCertificate } from './service-uri.ts';

export interface HeldCertificatesOptions {
  readonly system: string;
  readonly service: string;
  readonly clock: Clock;
  readonly everyMs: number;
  /** Asked every so often: the credentials from now on, or undefined if those of before are to stay. */
  readonly next: (before: Credentials) => Credentials | undefined;
}

/** Credentials that are replaced now and then, wherever they come from. */
export class HeldCertificates implements ServiceCertificates {
  readonly service: string;
  readonly #options: HeldCertificatesOptions;
  readonly #listeners = new Set<() => void>();
  #credentials: Credentials;
  #cancelTimer = () => {};

  constructor(first: Credentials, options: HeldCertificatesOptions) {
    this.service = options.service;
    this.#options = options;
    this.#credentials = first;
    this.#askLater();
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

  #askLater(): void {
    const { clock, everyMs } = this.#options;
    this.#cancelTimer = clock.setTimer(() => {
      this.#askLater();
      this.#ask();
    }, everyMs);
  }

  #ask(): void {
    const credentials = this.#options.next(this.#credentials);
    if (credentials === undefined) return;
    this.#credentials = credentials;
    for (const listener of this.#listeners) listener();
  }
}
