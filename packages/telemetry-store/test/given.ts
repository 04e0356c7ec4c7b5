import type { TestContext } from 'node:test';
import { silentLogger, systemClock } from '@banyan/core';
import {
  createTelemetryStore,
  type TelemetryStore,
  type TelemetryStoreOptions,
} from '@banyan/telemetry-store';
import { createTestDatabase } from '@banyan/testing';

export async function givenStore(
  t: TestContext,
  options: Partial<TelemetryStoreOptions> = {},
): Promise<{ readonly store: TelemetryStore; readonly url: string }> {
  const url = options.url ?? (await createTestDatabase(t)).url;
  const store = createTelemetryStore({ clock: systemClock, logger: silentLogger, ...options, url });
  t.after(() => store.stop());
  await store.start();
  return { store, url };
}

export interface GivenSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name?: string;
  readonly kind?: number;
  readonly startUs: number;
  readonly durationUs: number;
  readonly isError?: boolean;
  readonly attributes?: Readonly<Record<string, string | number | boolean>>;
  readonly events?: readonly object[];
  readonly links?: readonly object[];
}

export function spansRequest(
  service: string,
  spans: readonly GivenSpan[],
  resource: Readonly<Record<string, string>> = {},
): object {
  return {
    resourceSpans: [{ resource: resourceOf(service, resource), scopeSpans: [{ spans: spans.map(toOtlp) }] }],
  };
}

export function resourceOf(service: string, more: Readonly<Record<string, string>> = {}): object {
  return { attributes: attributesOf({ 'service.name': service, ...more }) };
}

function toOtlp({
  startUs,
  durationUs,
  isError,
  attributes,
  name = 'work',
  kind = 1,
  ...span
}: GivenSpan): object {
  return {
    ...span,
    name,
    kind,
    startTimeUnixNano: `${startUs}000`,
    endTimeUnixNano: `${startUs + durationUs}000`,
    status: isError === true ? { code: 2 } : {},
    attributes: attributesOf(attributes ?? {}),
  };
}

export function attributesOf(
  attributes: Readonly<Record<string, string | number | boolean>>,
): readonly object[] {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    value:
      typeof value === 'string'
        ? { stringValue: value }
        : typeof value === 'boolean'
          ? { boolValue: value }
          : { doubleValue: value },
  }));
}

export const hexId = (digits: number, number: number) => number.toString(16).padStart(digits, '0');
