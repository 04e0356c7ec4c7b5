import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { runBanyan } from './running-system.ts';

/** Sales are told to the books, which refuse some of them. */
export const tillDirectory = fileURLToPath(new URL('../e2e/fixtures/till-system/', import.meta.url));

export interface Sale {
  readonly till: string;
  readonly number: number;
  readonly amount: number;
}

export interface StandingAlarm {
  readonly invariant: string;
  readonly state: string;
}

export interface Tills {
  setTill(name: string, isOpen: boolean): Promise<void>;
  /** One sale after the other. */
  sell(till: string, amounts: readonly number[], firstNumber?: number): Promise<void>;
  /** The numbers of the sales that the books have, in their order. */
  booked(till: string): Promise<readonly number[]>;
  /** What the platform told of the standing of the books' events. */
  alarms(): Promise<readonly StandingAlarm[]>;
}

/** What a browser would do, at the gateway's address. */
export function atTills(url: string): Tills {
  const call = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? undefined : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    assert.equal(response.status, 200, text);
    return JSON.parse(text);
  };
  return {
    async setTill(name, isOpen) {
      await call('PUT', `/tills/${name}`, { isOpen });
    },
    async sell(till, amounts, firstNumber = 1) {
      for (const [index, amount] of amounts.entries())
        await call('POST', '/sales', { till, number: firstNumber + index, amount });
    },
    async booked(till) {
      const { entries } = (await call('GET', '/entries')) as { entries: Sale[] };
      return entries.filter((each) => each.till === till).map(({ number }) => number);
    },
    async alarms() {
      const { alarms } = (await call('GET', '/alarms')) as { alarms: StandingAlarm[] };
      return alarms;
    },
  };
}

export interface Outcome {
  readonly code: number | null;
  readonly output: string;
}

/** `banyan events` from begin to end, for one run of the system. */
export function eventsCommand(
  flags: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): (words: readonly string[], standardInput?: string) => Promise<Outcome> {
  return async (words, standardInput) => {
    const run = runBanyan(['events', ...words, '--dir', tillDirectory, ...flags], environment, standardInput);
    // What should end and does not must fail its test, not the whole run.
    const timer = setTimeout(() => run.process.kill('SIGKILL'), 120_000);
    const { code } = await run.exited;
    clearTimeout(timer);
    return { code, output: run.output() };
  };
}
