import type { Exchange } from './exchange.ts';

/** What answers the requests of one route. Throws or rejects to refuse. */
export interface Target {
  /** As the access log shows it: the template, never the path itself. */
  readonly route: string;
  /** True if it can be reached below a version, such as `/v2`. */
  readonly hasVersions?: true;
  /** False while operators have switched it off; then nothing tells that it could be there. */
  readonly isOn?: boolean;
  handle(exchange: Exchange, params: Readonly<Record<string, string>>): Promise<void> | undefined;
}
