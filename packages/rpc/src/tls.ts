import type { Duplex } from 'node:stream';
import type { ConnectionOptions, DetailedPeerCertificate, PeerCertificate, TLSSocket } from 'node:tls';
import type { ServiceCertificates } from '@banyan/auth';
import { ServiceError } from '@banyan/core';

/** Both sides of every connection are of this system and of this decade. */
const minVersion = 'TLSv1.3';

/** What a server of the service shows, and asks for: a connection without a certificate of this system ends in its handshake. */
export function serverTls(certificates: ServiceCertificates) {
  return { ...materialOf(certificates), minVersion, requestCert: true, rejectUnauthorized: true } as const;
}

/** What a caller shows to `callee`, and asks of it: the name counts, not the address, which instances change. */
export function clientTls(certificates: ServiceCertificates, callee: string): ConnectionOptions {
  return {
    ...materialOf(certificates),
    minVersion,
    // Instances are found by address, for which no certificate could be issued beforehand.
    servername: '',
    checkServerIdentity: (_, certificate) => wrongService(certificates, callee, certificate),
  };
}

export function materialOf(certificates: ServiceCertificates) {
  const { certificate, privateKey, authorities } = certificates.current();
  return { cert: certificate, key: privateKey, ca: authorities };
}

/**
 * A stolen service token is worth nothing without the key of the service that it names.
 * @throws ServiceError `unauthenticated` `wrong_certificate` if the connection was opened by another service
 */
export function checkPeer(
  socket: Duplex,
  caller: string,
  certificates: ServiceCertificates | undefined,
): void {
  if (certificates === undefined || peerOf(socket as TLSSocket, certificates) === caller) return;
  throw new ServiceError('The service token and the certificate of the connection name different services.', {
    code: 'unauthenticated',
    reason: 'wrong_certificate',
  });
}

const peers = new WeakMap<Duplex, string | undefined>();

/** Reading a certificate costs more than a call does, and a connection never changes its own: TLS 1.3 knows no renegotiation. */
function peerOf(socket: TLSSocket, certificates: ServiceCertificates): string | undefined {
  if (!peers.has(socket)) {
    const certificate: Partial<DetailedPeerCertificate> = socket.getPeerCertificate();
    peers.set(socket, certificates.serviceOf(certificate.subjectaltname));
  }
  return peers.get(socket);
}

function wrongService(
  certificates: ServiceCertificates,
  callee: string,
  certificate: PeerCertificate,
): Error | undefined {
  const service = certificates.serviceOf(certificate.subjectaltname);
  if (service === callee) return undefined;
  return new Error(`The certificate is for ${service ?? 'no service of this system'}, not for '${callee}'.`);
}
