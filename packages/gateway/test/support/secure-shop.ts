import { writeFile } from 'node:fs/promises';
import { type ClientHttp2Session, connect } from 'node:http2';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createAuthority, generateSystemKey } from '@banyan/auth';
import { temporaryFolder } from '@banyan/testing';
import { type RunningShop, runShop, type ShopOptions } from './running-shop.ts';

export const trust = { rejectUnauthorized: false };

/** A certificate and its key in files, and how to replace them. */
export async function certificateFiles(t: TestContext) {
  const folder = await temporaryFolder(t, 'edge-tls');
  const files = { certificateFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') };
  const renew = async () => {
    const issued = createAuthority({ key: generateSystemKey(), system: 'shop' }).issue('gateway', {
      lifetimeMs: 3_600_000,
    });
    await writeFile(files.certificateFile, issued.certificate);
    await writeFile(files.keyFile, issued.privateKey);
  };
  await renew();
  return { files, renew };
}

/** As `runShop`, with TLS. */
export async function runSecureShop(t: TestContext, options: ShopOptions = {}): Promise<RunningShop> {
  const { files } = await certificateFiles(t);
  return runShop(t, { ...options, edge: { ...options.edge, tls: files } });
}

export function openSession(t: TestContext, url: string): ClientHttp2Session {
  const session = connect(url, trust);
  session.on('error', () => undefined);
  t.after(() => session.destroy());
  return session;
}
