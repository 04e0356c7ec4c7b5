import { setTimeout as sleep } from 'node:timers/promises';
import { onRefusal } from '@banyan/banyan';
import { authentication } from '../authentication/contract.ts';
import type { SecondFactorMethod } from '../vocabulary.ts';
import { secondFactorMethods } from '../vocabulary.ts';
import { currentRequest } from './current-request.ts';
import type { Context } from './http-context.ts';
import { type Interaction, redirect, resume } from './interaction.ts';
import { type Notice, showPage } from './pages/page.ts';
import { codePage, passwordPage } from './pages/sign-in-pages.ts';

/** What is known about a sign-in between two pages. */
interface SignIn {
  /** Of the login workflow, from the first attempt on. */
  readonly workflowId?: string;
  /** Set once the password was right and a code is needed. */
  readonly methods?: readonly SecondFactorMethod[];
  readonly phoneEnding?: string;
  readonly notice?: Notice;
}

const kind = 'SignIn';
const lifetimeS = 600;
const { operations } = authentication;

const messages = {
  wrong: 'Login id or password is wrong.',
  failed: 'Login id or password is wrong, for the third time. Begin again.',
  over: 'That took too long. Begin again.',
  slow: 'The check takes too long at the moment. Try again.',
  wrongCode: 'The code is wrong, or was used before.',
  sent: 'A code is on its way to your phone.',
} as const;

export async function askToSignIn(ctx: Context, interaction: Interaction): Promise<void> {
  const { notice, methods, phoneEnding } = await signInOf(interaction);
  const { path, clientName, leadsTo } = interaction;
  const asking = { path, clientName, leadsTo, notice };
  showPage(ctx, methods === undefined ? passwordPage(asking) : codePage({ ...asking, methods, phoneEnding }));
}

export async function checkPassword(ctx: Context, interaction: Interaction): Promise<void> {
  const { form } = currentRequest();
  const before = await signInOf(interaction);
  await goOn(ctx, interaction, await attempt(before.workflowId, form));
}

export async function checkCode(ctx: Context, interaction: Interaction): Promise<void> {
  const { form } = currentRequest();
  const { notice: _said, ...before } = await signInOf(interaction);
  const method = secondFactorMethods.find((each) => each === form.get('method'));
  const code = form.get('code')?.slice(0, 64) || undefined;
  if (before.workflowId === undefined || before.methods === undefined) return askAgain(ctx, interaction, {});
  await goOn(ctx, interaction, await prove(before, { workflowId: before.workflowId, method, code }));
}

export async function sendMessage(ctx: Context, interaction: Interaction): Promise<void> {
  const { call } = currentRequest();
  const { notice: _said, ...before } = await signInOf(interaction);
  if (before.workflowId === undefined || before.methods === undefined) return askAgain(ctx, interaction, {});
  const notice = await call.authentication
    .sendLoginCode({ workflowId: before.workflowId })
    .then(() => good(messages.sent))
    .catch(onRefusal(operations.sendLoginCode, 'noPhone', () => bad(messages.wrongCode)))
    .catch(onRefusal(operations.sendLoginCode, 'tooManyTries', (data) => bad(waitText(data))))
    .catch(onRefusal(operations.sendLoginCode, 'noSuchLogin', () => undefined));
  await askAgain(
    ctx,
    interaction,
    notice === undefined ? { notice: bad(messages.over) } : { ...before, notice },
  );
}

interface SignedIn {
  readonly accountId: string;
  readonly signedInAt: string;
  readonly passwordRevision?: number | undefined;
  readonly amr: readonly string[];
}

/** Somebody who is known for certain, or what the next page says. */
type Outcome = SignedIn | SignIn;

async function goOn(ctx: Context, interaction: Interaction, outcome: Outcome): Promise<void> {
  if (!('accountId' in outcome)) return askAgain(ctx, interaction, outcome);
  const { amr, signedInAt, ...signIn } = outcome;
  await currentRequest().records.destroy(kind, interaction.uid);
  // What its session comes of is read from here: see RequestSignIn.
  const ts = Math.floor(Date.parse(signedInAt) / 1_000);
  await resume(ctx, interaction, { login: { ...signIn, signedInAt, amr: [...amr], ts } });
}

async function attempt(known: string | undefined, form: URLSearchParams): Promise<Outcome> {
  const { call, client } = currentRequest();
  const workflowId = known ?? (await call.authentication.beginLogin({})).workflowId;
  const input = {
    workflowId,
    loginId: (form.get('login_id') ?? '').slice(0, 256).replace(/\p{Cc}/gu, ''),
    password: (form.get('password') ?? '').slice(0, 4_000),
    client,
  };
  const over = () => ({ notice: bad(messages.over) });
  const outcome = await call.authentication
    .attemptLogin(input)
    .then(async ({ state }) => (state === 'checking' ? waitFor(workflowId) : state))
    .catch(
      onRefusal(operations.attemptLogin, 'tooManyTries', (data) => ({
        workflowId,
        notice: bad(waitText(data)),
      })),
    )
    .catch(
      onRefusal(operations.attemptLogin, 'attemptUnderWay', () => ({
        workflowId,
        notice: bad(messages.slow),
      })),
    )
    .catch(onRefusal(operations.attemptLogin, 'noSuchLogin', over))
    .catch(onRefusal(operations.attemptLogin, 'loginOver', over));
  if (typeof outcome === 'object') return outcome;
  if (outcome === 'succeeded') return prove({}, { workflowId });
  if (outcome === 'failed') return { notice: bad(messages.failed) };
  return { workflowId, notice: bad(outcome === 'checking' ? messages.slow : messages.wrong) };
}

interface Proof {
  readonly workflowId: string;
  readonly method?: SecondFactorMethod | undefined;
  readonly code?: string | undefined;
}

async function prove(before: SignIn, proof: Proof): Promise<Outcome> {
  const { proveLogin } = operations;
  const { workflowId, method } = proof;
  return currentRequest()
    .call.authentication.proveLogin(proof)
    .then((signIn) => ({ ...signIn, amr: amrOf(method) }))
    .catch(
      onRefusal(proveLogin, 'codeNeeded', ({ methods, phoneEnding }) => ({
        workflowId,
        methods,
        ...(phoneEnding === undefined ? undefined : { phoneEnding }),
      })),
    )
    .catch(onRefusal(proveLogin, 'wrongCode', () => ({ ...before, notice: bad(messages.wrongCode) })))
    .catch(onRefusal(proveLogin, 'tooManyTries', (data) => ({ ...before, notice: bad(waitText(data)) })))
    .catch(onRefusal(proveLogin, 'noSuchLogin', () => ({ notice: bad(messages.over) })));
}

/** In the choreographed form the answer comes later. */
async function waitFor(workflowId: string) {
  const { call } = currentRequest();
  for (let waits = 0; waits < 40; waits += 1) {
    await sleep(100);
    const { state } = await call.authentication.getLogin({ workflowId });
    if (state !== 'checking') return state;
  }
  return 'checking';
}

async function signInOf({ uid }: Interaction): Promise<SignIn> {
  return ((await currentRequest().records.find(kind, uid)) ?? {}) as SignIn;
}

async function askAgain(ctx: Context, { uid, path }: Interaction, signIn: SignIn): Promise<void> {
  await currentRequest().records.upsert(kind, uid, { ...signIn }, lifetimeS);
  redirect(ctx, path);
}

/** RFC 8176. */
function amrOf(method: SecondFactorMethod | undefined): readonly string[] {
  if (method === undefined) return ['pwd'];
  return ['pwd', method === 'phone' ? 'sms' : 'otp', 'mfa'];
}

function waitText({ retryAfterS }: { readonly retryAfterS?: number | undefined }): string {
  return retryAfterS === undefined
    ? 'There were too many tries. Only a new password helps now.'
    : `There were too many tries. Wait ${retryAfterS} seconds before the next one.`;
}

function good(text: string): Notice {
  return { text, isBad: false };
}

function bad(text: string): Notice {
  return { text, isBad: true };
}
