import inject from 'light-my-request';
import type { Provider } from 'oidc-provider';
import type { z } from 'zod';
import { createHeldKey, type HeldKey } from '../keys/held-key.ts';
import { keyRingOf } from '../keys/open-key-ring.ts';
import { allSigningKeys } from '../keys/signing-keys.ts';
import { signingAlgsOf } from './config.ts';
import type { oauth } from './contract.ts';
import { duringRequest } from './current-request.ts';
import type { OAuthContext } from './definition.ts';
import { createProvider } from './provider.ts';
import { createRecordStore } from './record-store.ts';

type Request = z.output<typeof oauth.operations.handle.input>;
type Response = z.input<typeof oauth.operations.handle.output>;

/** How long another instance's new key, or its withdrawal of one, may be unknown here. */
const maxAgeMs = 5_000;

/** Of each running service; keys belong to the construction of a provider. */
const providers = new WeakMap<object, HeldKey<Provider>>();

/** Lets the library answer, as if the request had come to it from the network. */
export async function answerRequest(request: Request, context: OAuthContext): Promise<Response> {
  const { config, sql, call, log, tx } = context;
  const { method, path, query, headers, body, client } = request;
  const records = createRecordStore({
    sql,
    ring: await keyRingOf(context),
    onGrantsEnd: async (marks) => void (await call.sessions.revokeTokens({ sessions: [...marks] })),
  });
  const isForm = headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true;
  const form = new URLSearchParams(isForm ? body : '');
  const provider = await providerOf(context);
  const { protocol, host, pathname } = new URL(config.issuer);
  const callback = provider.callback();
  const response = await duringRequest(
    { config, records, call, log, tx, form, client },
    async () =>
      // Awaited in here: the library begins when somebody waits for it.
      await inject(
        (req, res) => {
          // The library finds its prefix by what is in front of the path.
          Object.assign(req, { originalUrl: `${pathname}${req.url ?? ''}` });
          void callback(req, res);
        },
        {
          method: method as 'GET',
          url: query === '' ? path : `${path}?${query}`,
          headers: { ...headers, host, 'x-forwarded-proto': protocol.slice(0, -1) },
          ...(method === 'POST' ? { payload: body } : undefined),
        },
      ),
  );
  return { status: response.statusCode, headers: headerList(response.headers), body: response.payload };
}

/** Whoever asks from now on is answered with the keys of that moment. */
export function forgetKeys(context: Pick<OAuthContext, 'config'>): void {
  heldProvider(context).forget();
}

async function providerOf(context: OAuthContext): Promise<Provider> {
  const { config, sql } = context;
  return heldProvider(context).get(async () => {
    const ring = await keyRingOf(context);
    const { tokenSeconds } = config;
    const ofEach = signingAlgsOf(config).map((alg) => allSigningKeys(sql, ring, { tokenSeconds, alg }));
    const keys = (await Promise.all(ofEach)).flat();
    const cookieKey = ring.derive(ring.newest, 'cookies').toString('base64url');
    return { value: createProvider({ config, keys, cookieKey }), nextInMs: null };
  });
}

function heldProvider({ config }: Pick<OAuthContext, 'config'>): HeldKey<Provider> {
  const known = providers.get(config) ?? createHeldKey<Provider>({ maxAgeMs });
  providers.set(config, known);
  return known;
}

function headerList(headers: Readonly<Record<string, unknown>>): [string, string][] {
  return Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value])
      .filter((each) => each !== undefined)
      .map((each): [string, string] => [name, String(each)]),
  );
}
