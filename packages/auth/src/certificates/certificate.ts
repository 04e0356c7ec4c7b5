import { createHash, type KeyObject, randomBytes, sign } from 'node:crypto';
import {
  bitString,
  boolean,
  context,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  time,
  utf8String,
} from './der.ts';

export interface CertificateOptions {
  /** Common name of whom it is about. */
  readonly subject: string;
  readonly publicKey: KeyObject;
  /** P-256. */
  readonly signer: { readonly name: string; readonly publicKey: KeyObject; readonly privateKey: KeyObject };
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** May sign certificates of services, and nothing else. */
  readonly isAuthority: boolean;
  /** Subject alternative name. */
  readonly uri?: string;
}

const ecdsaWithSha256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'));

/** An X.509 certificate, version 3 (RFC 5280), as PEM. */
export function signCertificate(options: CertificateOptions): string {
  const { subject, publicKey, signer, notBeforeMs, notAfterMs } = options;
  const content = sequence(
    context(0, integer(Buffer.of(2)), true),
    integer(serialNumber()),
    ecdsaWithSha256,
    nameOf(signer.name),
    sequence(time(notBeforeMs), time(notAfterMs)),
    nameOf(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    context(3, sequence(...extensionsOf(options)), true),
  );
  const signature = sign('sha256', content, signer.privateKey);
  return toPem(sequence(content, ecdsaWithSha256, bitString(signature)));
}

/** 159 random bits: at most 20 bytes, never 0. */
function serialNumber(): Buffer {
  const bytes = randomBytes(20);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0);
  return bytes;
}

function nameOf(commonName: string): Buffer {
  return sequence(set(sequence(objectIdentifier('2.5.4.3'), utf8String(commonName))));
}

/** Bits of `KeyUsage`: digitalSignature is the first, keyCertSign the sixth. */
const keyUsage = { authority: bitString(Buffer.of(0x04), 2), service: bitString(Buffer.of(0x80), 7) };
const serverAndClient = sequence(
  objectIdentifier('1.3.6.1.5.5.7.3.1'),
  objectIdentifier('1.3.6.1.5.5.7.3.2'),
);

function extensionsOf({ publicKey, signer, isAuthority, uri }: CertificateOptions): Buffer[] {
  const authority = [
    // Certificates of services only: no further authorities below.
    extension('2.5.29.19', true, sequence(boolean(true), integer(Buffer.of(0)))),
    extension('2.5.29.15', true, keyUsage.authority),
  ];
  const service = [
    extension('2.5.29.19', true, sequence()),
    extension('2.5.29.15', true, keyUsage.service),
    extension('2.5.29.37', false, serverAndClient),
  ];
  return [
    ...(isAuthority ? authority : service),
    extension('2.5.29.14', false, octetString(keyIdentifier(publicKey))),
    extension('2.5.29.35', false, sequence(context(0, keyIdentifier(signer.publicKey), false))),
    ...(uri === undefined
      ? []
      : [extension('2.5.29.17', false, sequence(context(6, Buffer.from(uri, 'ascii'), false)))]),
  ];
}

function extension(id: string, isCritical: boolean, value: Buffer): Buffer {
  return sequence(objectIdentifier(id), ...(isCritical ? [boolean(true)] : []), octetString(value));
}

/** RFC 7093, method 1, over the whole key information: it only has to be the same each time. */
function keyIdentifier(publicKey: KeyObject): Buffer {
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(spki).digest().subarray(0, 20);
}

function toPem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
