import { createHmac } from 'node:crypto';
import { sameText } from './same-text.ts';

export const stepSeconds = 30;
/** Steps before and after the present one whose codes are accepted: clocks differ, and people type slowly. */
const windowSteps = 1;

export interface TotpParameters {
  readonly digits: number;
  readonly algorithm: 'sha1' | 'sha256' | 'sha512';
}

/** What every authenticator app understands. */
const usual: TotpParameters = { digits: 6, algorithm: 'sha1' };

export function stepAt(timeMs: number): number {
  return Math.floor(timeMs / 1_000 / stepSeconds);
}

/** The code of one time step: TOTP (RFC 6238) over HOTP (RFC 4226, 5.3). */
export function totpCode(seed: Uint8Array, step: number, { digits, algorithm } = usual): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac(algorithm, seed).update(counter).digest();
  const offset = mac.readUInt8(mac.length - 1) & 15;
  const number = mac.readUInt32BE(offset) & 0x7fff_ffff;
  return String(number % 10 ** digits).padStart(digits, '0');
}

/** The step in the window around `timeMs` that the code belongs to; undefined if it belongs to none. */
export function stepOfCode(seed: Uint8Array, code: string, timeMs: number): number | undefined {
  const now = stepAt(timeMs);
  let found: number | undefined;
  // All of them, whichever fits: the time it takes says nothing.
  for (let step = now - windowSteps; step <= now + windowSteps; step += 1) {
    if (sameText(totpCode(seed, step), code)) found = step;
  }
  return found;
}
