import { z } from 'zod';

/** `<SERVICE>_UPSTREAM` and so on. */
export const SidecarConfig = z.object({
  upstream: z
    .url()
    .refine(isLoopback, 'the plain service listens on loopback only: http://127.0.0.1:9000')
    .describe('Where the plain service listens.'),
  healthPath: z
    .string()
    .regex(/^\//)
    .default('/health')
    .describe('Answers 200 while the plain service can do its work.'),
  outgoingPort: z
    .int()
    .min(1)
    .max(65_535)
    .optional()
    .describe('Local port through which the plain service calls others. Default: it cannot.'),
});
export type SidecarSettings = z.output<typeof SidecarConfig>;

/** Beyond loopback nothing would protect what goes between the two. */
function isLoopback(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && /^(127\.\d+\.\d+\.\d+|\[::1\]|localhost)$/.test(hostname);
}
