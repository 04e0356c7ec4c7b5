import { type Clock, systemClock } from '@banyan/core';
import { type Credentials, createAuthority } from './authority.ts';
import { HeldCertificates } from './held-certificates.ts';

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
  /** Of each certificate, in ms; a minute or more. Renewed when a third of it is left. Default: a day. */
  readonly lifetimeMs?: number;
}

/** Whoever means seconds hears of it. */
const minLifetimeMs = 60_000;

/** Certificates that the process issues itself, as it could its service tokens. @throws TypeError if the key is too short or the lifetime too short */
export function createServiceCertificates(options: ServiceCertificatesOptions): ServiceCertificates {
  const { system, service, clock = systemClock, lifetimeMs = 86_400_000 } = options;
  if (!(Number.isFinite(lifetimeMs) && lifetimeMs >= minLifetimeMs)) {
    throw new TypeError(
      `createServiceCertificates(): \`lifetimeMs\` must be ${minLifetimeMs} or more, in milliseconds.`,
    );
  }
  const authority = createAuthority({ key: options.key, system, clock });
  const issue = () => authority.issue(service, { lifetimeMs });
  return new HeldCertificates(issue(), {
    system,
    service,
    clock,
    everyMs: (lifetimeMs * 2) / 3,
    next: issue,
  });
}
