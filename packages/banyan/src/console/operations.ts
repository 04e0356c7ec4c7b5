import { type System, servicesOf } from '@banyan/chassis';
import type { OperationsHandlers, TelemetryHandlers } from '@banyan/console-api';
import type { Instance } from '@banyan/discovery';
import type { SystemPorts } from '../service-ports.ts';
import type { Settings } from '../settings.ts';
import { createContractOperations } from './contract-operations.ts';
import type { ControlledSystem } from './controlled-system.ts';
import { withDeclaredRefusals } from './declared-refusals.ts';
import { createMessageOperations } from './message-operations.ts';
import { createRecordOperations } from './record-operations.ts';
import { createSagaOperations } from './saga-operations.ts';
import { createSagaTimings } from './saga-timings.ts';
import { createStreamOperations } from './stream-operations.ts';
import { createSystemOperations } from './system-operations.ts';

export interface OperationsOptions {
  readonly system: System;
  readonly settings: Settings;
  readonly controlled: ControlledSystem;
  readonly version: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly runId: string | undefined;
  /** See `ConsolePlan`. */
  readonly instance: string;
  /** Of a system whose processes somebody else runs. */
  readonly instances?: (() => readonly Instance[]) | undefined;
  /** Of the telemetry store; undefined without one. */
  readonly getTrace: TelemetryHandlers['getTrace'] | undefined;
  readonly getMetric: TelemetryHandlers['getMetric'] | undefined;
  /** Opened when first asked for, and kept. */
  readonly openPorts: () => Promise<SystemPorts>;
}

/** What the console knows and does beside telemetry: the same as the verbs of the command line, by the same functions. */
export function createOperations(options: OperationsOptions): OperationsHandlers {
  const { system, settings, controlled, openPorts, environment } = options;
  const services = servicesOf(system, settings.development);
  return withDeclaredRefusals({
    ...createSystemOperations({ ...options, services, development: settings.development }),
    ...createContractOperations({ system, services, publicUrl: controlled.publicUrl }),
    ...createRecordOperations({ openPorts, services, settings, environment }),
    ...createMessageOperations(openPorts, services),
    ...createSagaOperations(openPorts, createSagaTimings(options.getTrace)),
    ...createStreamOperations(openPorts),
  });
}
