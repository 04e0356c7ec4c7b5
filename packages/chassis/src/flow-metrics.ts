import type { EndedFlow, FlowStanding } from '@banyan/flow';
import type { Metrics } from '@banyan/telemetry';

export interface FlowMetrics {
  record(standings: readonly FlowStanding[]): void;
  ended(flow: EndedFlow): void;
  /** Takes the service's figures off the page: it runs here no longer. */
  end(): void;
}

/** Seconds from a tenth to a day: what a process across services, people among them, takes. */
const buckets = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 3_600, 21_600, 86_400];

export function createFlowMetrics(
  metrics: Metrics,
  service: string,
  flows: readonly { readonly name: string }[],
): FlowMetrics {
  const gauge = (name: string, help: string) =>
    metrics.gauge({ name, help, labels: ['service', 'flow', 'status'] });
  const count = gauge(
    'banyan_flows',
    'Flows under way, by status; late ones are counted as open or failing, too.',
  );
  const oldest = metrics.gauge({
    name: 'banyan_flows_oldest_seconds',
    help: 'Since the first event of the oldest flow under way.',
    labels: ['service', 'flow'],
  });
  const durations = metrics.histogram({
    name: 'banyan_flow_duration_seconds',
    help: 'From the first event of a flow to its end, by how it ended.',
    labels: ['service', 'flow', 'status'],
    buckets,
  });
  const record: FlowMetrics['record'] = (standings) => {
    for (const { flow, open, failing, late, oldestMs } of standings) {
      count.labels(service, flow, 'open').set(open);
      count.labels(service, flow, 'failing').set(failing);
      count.labels(service, flow, 'late').set(late);
      oldest.labels(service, flow).set(oldestMs / 1_000);
    }
  };
  return {
    record,
    ended: ({ flow, status, durationMs }) =>
      durations.labels(service, flow, status).observe(durationMs / 1_000),
    end() {
      const nothing = { open: 0, failing: 0, late: 0, oldestMs: 0, lateMs: 0 };
      record(flows.map(({ name: flow }) => ({ flow, ...nothing })));
    },
  };
}
