import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { EdgeTls } from '@banyan/chassis';
import { type Clock, type Logger, ServiceError } from '@banyan/core';

/** What the gateway shows to those who connect. */
export interface Material {
  readonly cert: string;
  readonly key: string;
}

/** A certificate in files that somebody else renews, such as an ACME client. */
export interface EdgeCertificate {
  readonly current: Material;
  /** Looks at the files every ten seconds; new ones that fit are handed to `onChange`. Returns a function that ends it. */
  watch(onChange: (material: Material) => void): () => void;
}

const everyMs = 10_000;

/** @throws ServiceError `failed_precondition` `certificate_unusable`, naming the file and what is wrong */
export function readEdgeCertificate(
  files: EdgeTls,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): EdgeCertificate {
  let current = read(files);
  return {
    get current() {
      return current;
    },
    watch(onChange) {
      let cancel: () => void;
      const look = () => {
        try {
          const found = read(files);
          if (found.cert !== current.cert || found.key !== current.key) {
            current = found;
            onChange(found);
            logger.info('the certificate of the gateway was replaced');
          }
        } catch (error) {
          logger.error('the new certificate cannot be used; the old one stays in use', { error });
        }
        cancel = clock.setTimer(look, everyMs);
      };
      cancel = clock.setTimer(look, everyMs);
      return () => cancel();
    },
  };
}

function read({ certificateFile, keyFile }: EdgeTls): Material {
  const textOf = (file: string): string => {
    try {
      return readFileSync(file, 'utf8');
    } catch (cause) {
      throw unusable(`${file} cannot be read`, cause);
    }
  };
  const material = { cert: textOf(certificateFile), key: textOf(keyFile) };
  try {
    // Fails unless the key belongs to the certificate: files that are replaced one after the other do not fit for a moment.
    createSecureContext(material);
  } catch (cause) {
    throw unusable(`${certificateFile} and ${keyFile} are no certificate and its key`, cause);
  }
  return material;
}

function unusable(message: string, cause: unknown): ServiceError {
  return new ServiceError(`${message}; see GATEWAY_TLS_CERT and GATEWAY_TLS_KEY.`, {
    code: 'failed_precondition',
    reason: 'certificate_unusable',
    cause,
  });
}
