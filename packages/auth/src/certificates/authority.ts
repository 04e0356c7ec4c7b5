import { createECDH, createPrivateKey, createPublicKey, generateKeyPairSync, hkdfSync } from 'node:crypto';
import { type Clock, systemClock } from '@banyan/core';
import { parseSystemKey } from '../system-key.ts';
import { signCertificate } from './certificate.ts';
import { serviceUri } from './service-uri.ts';

/** What one side of a connection proves itself with, and whom it trusts; PEM. */
export interface Credentials {
  readonly certificate: string;
  readonly privateKey: string;
  /** Certificates of the authorities whose word counts; one or more. */
  readonly authorities: string;
}

export interface AuthorityOptions {
  /** The system's key, base64url of at least 32 bytes. */
  readonly key: string;
  readonly system: string;
  readonly clock?: Clock;
}

/**
 * Signs the certificates of a system's services. Its own key (P-256) follows from the system's key: every process that has that one is the
 * same authority, so nothing has to be asked, stored or copied.
 */
export interface Authority {
  /** PEM. Differs from process to process; what any of them has signed is valid under it. */
  readonly certificate: string;
  /** A new key and a certificate that says `spiffe://<system>/service/<service>`, valid from five minutes ago. */
  issue(service: string, options: { readonly lifetimeMs: number }): Credentials;
}

const yearMs = 365 * 86_400_000;
/** Clocks of other machines may be behind. */
const skewMs = 300_000;

/** @throws TypeError if the key is too short */
export function createAuthority({ key, system, clock = systemClock }: AuthorityOptions): Authority {
  const name = `Banyan authority of ${system}`;
  const privateKey = derivePrivateKey(parseSystemKey(key), system);
  const publicKey = createPublicKey(privateKey);
  const signer = { name, publicKey, privateKey };
  const certificate = signCertificate({
    subject: name,
    publicKey,
    signer,
    notBeforeMs: clock.nowMs() - skewMs,
    notAfterMs: clock.nowMs() + 10 * yearMs,
    isAuthority: true,
  });
  return {
    certificate,
    issue(service, { lifetimeMs }) {
      const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      return {
        certificate: signCertificate({
          subject: service,
          publicKey: own.publicKey,
          signer,
          notBeforeMs: clock.nowMs() - skewMs,
          notAfterMs: clock.nowMs() + lifetimeMs,
          isAuthority: false,
          uri: serviceUri(system, service),
        }),
        privateKey: own.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
        authorities: certificate,
      };
    },
  };
}

/** Order of the group of P-256. */
const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** FIPS 186-5, A.2.1: 64 bits more than needed make every key equally likely. */
function derivePrivateKey(systemKey: Uint8Array, system: string) {
  const bytes = hkdfSync('sha256', systemKey, '', `banyan authority of ${system}`, 40);
  const scalar = (BigInt(`0x${Buffer.from(bytes).toString('hex')}`) % (order - 1n)) + 1n;
  const digits = Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex');
  const curve = createECDH('prime256v1');
  curve.setPrivateKey(digits);
  const point = curve.getPublicKey();
  return createPrivateKey({
    format: 'jwk',
    key: {
      kty: 'EC',
      crv: 'P-256',
      d: digits.toString('base64url'),
      x: point.subarray(1, 33).toString('base64url'),
      y: point.subarray(33).toString('base64url'),
    },
  });
}
