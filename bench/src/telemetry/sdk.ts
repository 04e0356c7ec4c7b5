import { createRequire } from 'node:module';

export interface Sdk {
  span<Result>(name: string, work: () => Promise<Result>): Promise<Result>;
  stop(): Promise<void>;
}

export const noSdk: Sdk = { span: (_, work) => work(), stop: async () => {} };

/** The OpenTelemetry SDK as its documentation sets it up: HTTP by instrumentation, the rest by spans around the work, in batches as OTLP over HTTP in JSON. */
export async function startSdk(receiver: string): Promise<Sdk> {
  const { NodeSDK } = await import('@opentelemetry/sdk-node');
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http');
  const { HttpInstrumentation } = await import('@opentelemetry/instrumentation-http');
  const { SpanStatusCode, trace } = await import('@opentelemetry/api');
  const sdk = new NodeSDK({
    serviceName: 'bench',
    traceExporter: new OTLPTraceExporter({ url: `${receiver}/v1/traces` }),
    instrumentations: [new HttpInstrumentation()],
  });
  sdk.start();
  // Its hook sees what is required; the server's prototype is then patched for everybody.
  createRequire(import.meta.url)('node:http');
  const tracer = trace.getTracer('bench');
  return {
    span: (name, work) =>
      tracer.startActiveSpan(
        name,
        { attributes: { 'rpc.system': 'banyan', 'rpc.method': name } },
        async (span) => {
          try {
            return await work();
          } catch (error) {
            span.recordException(error as Error);
            span.setStatus({ code: SpanStatusCode.ERROR });
            throw error;
          } finally {
            span.end();
          }
        },
      ),
    stop: () => sdk.shutdown(),
  };
}
