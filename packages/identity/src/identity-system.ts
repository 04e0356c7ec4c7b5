import { expose, httpApp, type Service } from '@banyan/banyan';
import { authentication } from './authentication/contract.ts';
import { authenticationService } from './authentication/service.ts';
import { loginControllerService } from './login-controller/service.ts';
import { loginIdsService } from './login-ids/service.ts';
import { oauth } from './oauth/contract.ts';
import { oauthService } from './oauth/service.ts';
import { passwordsService } from './passwords/service.ts';
import { secondFactorsService } from './second-factors/service.ts';
import { sessions } from './sessions/contract.ts';
import { defaultIssuer, sessionsService } from './sessions/service.ts';
import { userInfoService } from './user-info/service.ts';

/** All services of the set, for `services` of a system. `developmentMessageSender` belongs in `development`. */
export const identityServices: readonly Service[] = [
  authenticationService,
  loginControllerService,
  loginIdsService,
  passwordsService,
  secondFactorsService,
  userInfoService,
  sessionsService,
  oauthService,
];

/** What of them the world may call, for `expose` of a gateway. */
export const identityExposures = [
  expose(authentication, {
    beginRegistration: 'anyone',
    setPassword: 'anyone',
    setRecoveryInformation: 'anyone',
    setUpSecondFactor: 'anyone',
    confirmRegistration: 'anyone',
    beginLogin: 'anyone',
    attemptLogin: 'anyone',
    getLogin: 'anyone',
    sendLoginCode: 'anyone',
    confirmLogin: 'anyone',
    askPasswordReset: 'anyone',
    resetPassword: 'anyone',
    verifyEmail: 'anyone',
    getMyAccount: 'user',
    changePassword: 'user',
    beginSecondFactor: 'user',
    confirmSecondFactor: 'user',
  }),
  expose(sessions, {
    refresh: 'anyone',
    revoke: 'anyone',
    signOut: 'user',
    listMySessions: 'user',
    signOutEverywhere: 'user',
    publicKeys: 'anyone',
  }),
];

/** For `apps` of a gateway: OAuth 2.0 and OpenID Connect, with their pages. */
export const identityApps = [httpApp('/oauth', oauth, 'handle')];

/** For `userTokens` of a gateway, with the issuer and audience of the default configuration. */
export const identityTokens = {
  issuer: defaultIssuer,
  audience: defaultIssuer,
  keys: [sessions, 'publicKeys'],
  revocations: [sessions, 'revocations'],
  delegated: { audience: defaultIssuer, keys: [oauth, 'publicKeys'] },
  session: {
    exchange: [sessions, 'exchange'],
    opens: [[authentication, 'confirmLogin']],
    ends: [
      [sessions, 'signOut'],
      [sessions, 'signOutEverywhere'],
    ],
  },
} as const;
