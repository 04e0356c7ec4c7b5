/** One way to call a service in another process: the same echo of a validated order. */
export interface RpcStack {
  /** Starts answering; resolves with what `connect` needs. */
  readonly serve: () => Promise<string>;
  /** Resolves with a function that makes one call. */
  readonly connect: (address: string) => Promise<() => Promise<unknown>>;
}
