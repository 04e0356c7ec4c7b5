/*
 * The login workflow as a state machine: get login, check login, get password, check password; whatever was wrong, the password is asked
 * for and checked all the same, and only then the workflow fails or tries again. Pure: who asks whom is somebody else's business.
 */

export const loginStates = ['open', 'checking', 'succeeded', 'failed', 'used'] as const;
export type LoginState = (typeof loginStates)[number];

export const loginSteps = [
  'getLogin',
  'checkLogin',
  'getPassword',
  'checkPassword',
  'retry',
  'succeeded',
  'failed',
] as const;
/** What a workflow has gone through. It reads the same for an unknown login id and for a wrong password. */
export type LoginStep = (typeof loginSteps)[number];

export const maxAttempts = 3;

export interface Login {
  readonly state: LoginState;
  /** The present attempt, or the last one: 1 to `maxAttempts`. */
  readonly attempt: number;
  /** True as soon as something in the present attempt was wrong. */
  readonly authFailed: boolean;
  /** Set once the login id of the present attempt was found. */
  readonly accountId: string | undefined;
  readonly visited: readonly LoginStep[];
}

export const newLogin: Login = {
  state: 'open',
  attempt: 1,
  authFailed: false,
  accountId: undefined,
  visited: [],
};

/** Login id and password have come. */
export function submitted(login: Login): Login {
  expectState(login, 'open');
  return {
    ...login,
    state: 'checking',
    authFailed: false,
    accountId: undefined,
    ...visiting(login, 'getLogin'),
  };
}

/** @param accountId undefined if nobody is registered under the login id */
export function loginChecked(login: Login, accountId: string | undefined): Login {
  expectState(login, 'checking');
  return {
    ...login,
    accountId,
    authFailed: accountId === undefined,
    ...visiting(login, 'checkLogin', 'getPassword'),
  };
}

export function passwordChecked(login: Login, fits: boolean): Login {
  expectState(login, 'checking');
  const checked = { ...login, authFailed: login.authFailed || !fits };
  if (!checked.authFailed)
    return { ...checked, state: 'succeeded', ...visiting(login, 'checkPassword', 'succeeded') };
  const wrong = { ...checked, accountId: undefined };
  if (login.attempt >= maxAttempts) {
    return { ...wrong, state: 'failed', ...visiting(login, 'checkPassword', 'failed') };
  }
  return {
    ...wrong,
    state: 'open',
    attempt: login.attempt + 1,
    ...visiting(login, 'checkPassword', 'retry'),
  };
}

/** The checks could not be made: nobody has learnt anything, so the attempt may be made again. */
export function givenUp(login: Login): Login {
  expectState(login, 'checking');
  return { ...login, state: 'open', accountId: undefined, ...visiting(login, 'retry') };
}

function visiting(login: Login, ...steps: readonly LoginStep[]): Pick<Login, 'visited'> {
  return { visited: [...login.visited, ...steps] };
}

function expectState(login: Login, state: LoginState): void {
  if (login.state !== state) throw new TypeError(`The login is ${login.state}, not ${state}.`);
}
