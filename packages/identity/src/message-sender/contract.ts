import { binary, contract, operation } from '@banyan/banyan';
import { z } from 'zod';
import { EmailAddress, PhoneNumber } from '../vocabulary.ts';

/**
 * How messages reach people. In production a service of yours keeps this contract, in front of whoever sends your e-mail and text
 * messages; in development `developmentMessageSender` does.
 */
export const messageSender = contract('message-sender', {
  version: '1.0.0',
  operations: {
    send: operation('PUT /messages/:messageId', {
      summary: 'Sends a message. Again with the same id: nothing more happens.',
      input: z.object({
        messageId: z.string().min(1).max(200),
        to: z.union([z.object({ phone: PhoneNumber }), z.object({ email: EmailAddress })]),
        subject: z.string().max(200),
        text: z.string().max(4_000),
      }),
      output: z.object({}),
    }),
    showMessages: operation('GET /messages', {
      summary:
        'In development: the messages of the last hours on a page, newest first. In production it answers 404.',
      input: z.object({ to: z.string().max(254).optional() }),
      output: binary({ types: ['text/html'] }),
      errors: { notShown: { status: 404 } },
    }),
  },
});
