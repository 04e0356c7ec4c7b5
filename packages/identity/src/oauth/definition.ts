import type { service } from '@banyan/banyan';
import { authentication } from '../authentication/contract.ts';
import { loginIds } from '../login-ids/contract.ts';
import { passwords } from '../passwords/contract.ts';
import { sessions } from '../sessions/contract.ts';
import { userInfo } from '../user-info/contract.ts';
import type { OAuthConfig } from './config.ts';
import type { oauth } from './contract.ts';

export const uses = { authentication, loginIds, passwords, sessions, userInfo };

type Options = Parameters<typeof service<typeof oauth, typeof uses, typeof OAuthConfig>>[1];
export type OAuthContext = Parameters<Options['operations']['handle']>[1];
