import type { service } from '@banyan/banyan';
import { z } from 'zod';
import { keysSetting } from '../keys/open-key-ring.ts';
import { loginController } from '../login-controller/contract.ts';
import { loginIds } from '../login-ids/contract.ts';
import { messageSender } from '../message-sender/contract.ts';
import { passwords } from '../passwords/contract.ts';
import { secondFactors } from '../second-factors/contract.ts';
import { sessions } from '../sessions/contract.ts';
import { userInfo } from '../user-info/contract.ts';
import type { authentication } from './contract.ts';

export const uses = {
  loginController,
  loginIds,
  passwords,
  secondFactors,
  userInfo,
  sessions,
  messageSender,
};

export const AuthenticationConfig = z.object({
  keys: keysSetting,
  name: z
    .string()
    .min(1)
    .max(100)
    .default('Banyan')
    .describe('What authenticator apps and messages call the system.'),
  coordination: z
    .enum(['orchestration', 'choreography'])
    .default('orchestration')
    .describe('Who drives a login: the controller, or events alone.'),
  triesPerClient: z
    .int()
    .min(1)
    .default(50)
    .describe('Failed sign-ins, sign-ups and resets of one address before it has to wait.'),
});

type Options = Parameters<typeof service<typeof authentication, typeof uses, typeof AuthenticationConfig>>[1];
/** The handlers of the contract; each file has some of them. */
export type AuthenticationOperations = Options['operations'];

export type AuthenticationListeners = NonNullable<Options['on']>;
export type AuthenticationTask = NonNullable<Options['background']>[string];
