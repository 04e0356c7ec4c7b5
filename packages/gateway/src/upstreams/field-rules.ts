/** What becomes of a header field of a client on its way to an upstream. */
export type FieldRule = 'pass' | 'drop';

/** Between two neighbours only (RFC 9110, 7.6.1), or part of the framing, which is made anew. */
const ofConnection: readonly string[] = [
  'connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding',
  'upgrade', 'http2-settings', 'content-length', 'host', 'expect',
]; // biome-ignore format: one table

/** Said by the gateway itself, or by nobody. */
const saidByGateway: readonly string[] = [
  'authorization', 'cookie', 'forwarded', 'via', 'traceparent', 'tracestate', 'baggage', 'b3', 'x-trace-id', 'x-real-ip', 'client-ip',
  'true-client-ip', 'remote-user', 'remote-addr', 'proxy', 'x-http-method', 'x-http-method-override', 'x-method-override', 'x-host',
]; // biome-ignore format: one table

/** Fields by which programs behind proxies believe to learn who or what a request is. `proxy` is httpoxy; overrides would pass by the policy. */
const claims =
  /^(?:x-forwarded|x-original|x-rewrite|x-b3|x-remote|x-auth|x-user|x-client|x-cluster-client|x-originating|x-identity|x-principal|x-tenant|x-account|x-role|x-group|x-scope|x-jwt|x-consumer|x-credential|x-webauth|x-ssl|x-tls|x-amzn-oidc|x-ms-client|x-ms-token|x-goog-auth|x-goog-iap|ssl-client|cf-|fastly-client|banyan-)/;

const dropped: ReadonlySet<string> = new Set([...ofConnection, ...saidByGateway]);
const hopByHop: ReadonlySet<string> = new Set(
  ofConnection.filter((name) => name !== 'host' && name !== 'expect'),
);

/** Names are the client's choice, so what is remembered of them has a bound. */
const maxRemembered = 1_000;
const remembered = new Map<string, FieldRule>();

/** Compared as CGI and its heirs do, for whom `X_Forwarded-For` and `X-Forwarded-For` are one. */
export function requestFieldRule(name: string): FieldRule {
  let rule = remembered.get(name);
  if (rule === undefined) {
    const plain = name.toLowerCase().replace(/[^a-z0-9]/g, '-');
    rule = dropped.has(plain) || claims.test(plain) ? 'drop' : 'pass';
    if (remembered.size < maxRemembered) remembered.set(name, rule);
  }
  return rule;
}

/** Fields of an answer that end here: those of the connection, and those that this gateway says itself. @param name lower case */
export function endsHere(name: string): boolean {
  return hopByHop.has(name) || name === 'x-trace-id' || name === 'traceresponse';
}

const none: ReadonlySet<string> = new Set();

/** What a `Connection` field names besides `close` and `keep-alive`: fields that go no further (RFC 9110, 7.6.1). Lower case. */
export function namedByConnection(value: string | undefined): ReadonlySet<string> {
  if (value === undefined || value === 'keep-alive' || value === 'close') return none;
  return new Set(value.split(',').map((each) => each.trim().toLowerCase()));
}
