import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Metrics } from './metrics.ts';

/**
 * Adds memory, processor time, uptime and event-loop delay of this process to `metrics`, read at each `render`; the delay is that since the render
 * before. Samples the event loop every 20 ms until the returned function ends it.
 */
export function collectProcessMetrics(metrics: Metrics): () => void {
  const gauge = (name: string, help: string) => metrics.gauge({ name, help }).labels();
  const resident = gauge('process_resident_memory_bytes', 'Memory that the process holds, in bytes.');
  const heap = gauge('nodejs_heap_used_bytes', 'Used part of the JavaScript heap, in bytes.');
  const external = gauge('nodejs_external_memory_bytes', 'Memory of buffers outside the heap, in bytes.');
  const uptime = gauge('process_uptime_seconds', 'Seconds since the process started.');
  const delay = metrics.gauge({
    name: 'nodejs_eventloop_delay_seconds',
    help: 'Delay of the event loop since the last reading, by quantile.',
    labels: ['quantile'],
  });
  const quantiles = [0.5, 0.99, 1].map((quantile) => ({ quantile, series: delay.labels(String(quantile)) }));
  const processor = metrics
    .counter({
      name: 'process_cpu_seconds_total',
      help: 'Processor time of the process, user and system, in seconds.',
    })
    .labels();
  const resolutionMs = 20;
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  let countedMicroseconds = 0;

  const stop = metrics.onCollect(() => {
    const memory = process.memoryUsage();
    resident.set(memory.rss);
    heap.set(memory.heapUsed);
    external.set(memory.external);
    uptime.set(process.uptime());
    const { user, system } = process.cpuUsage();
    processor.inc((user + system - countedMicroseconds) / 1e6);
    countedMicroseconds = user + system;
    for (const { quantile, series } of quantiles) {
      // The histogram holds the time between samples, which is the chosen resolution on an idle loop.
      const betweenMs = histogram.count === 0 ? resolutionMs : histogram.percentile(quantile * 100) / 1e6;
      series.set(Math.max(0, betweenMs - resolutionMs) / 1e3);
    }
    histogram.reset();
  });
  return () => {
    stop();
    histogram.disable();
  };
}
