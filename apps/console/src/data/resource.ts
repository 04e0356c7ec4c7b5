import { useEffect, useState } from 'preact/hooks';
import { get, type Problem } from './api.ts';

export interface Resource<Value> {
  /** The last answer; kept while the next one is awaited, and if that fails. */
  readonly value: Value | undefined;
  readonly problem: Problem | undefined;
  reload(): void;
}

export interface ResourceOptions {
  /** Asks again so long after each answer, while the page is visible. */
  readonly everyMs?: number;
  /** The path may differ each time it is asked, such as one that ends now; the key says when it is another question. */
  readonly key?: string;
  /** False: nothing of another path stays on the screen while this one is awaited. */
  readonly keeps?: boolean;
}

interface State<Value> {
  readonly value?: Value;
  readonly problem?: Problem;
  readonly key?: string | undefined;
}

/** What the API answers at `path`. Undefined asks nothing. */
export function useResource<Value>(
  path: string | undefined | (() => string),
  { everyMs, key = typeof path === 'string' ? path : undefined, keeps = true }: ResourceOptions = {},
): Resource<Value> {
  const [state, setState] = useState<State<Value>>({});
  const [asked, setAsked] = useState(0);
  // `asked` makes it ask again; `key` stands for the path.
  useEffect(() => {
    if (path === undefined) return;
    const aborter = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async () => {
      if (!document.hidden || everyMs === undefined) {
        try {
          const value = await get<Value>(typeof path === 'string' ? path : path(), aborter.signal);
          setState({ value, key });
        } catch (error) {
          if (aborter.signal.aborted) return;
          setState((before) => ({ ...before, problem: error as Problem }));
        }
      }
      if (everyMs !== undefined && !aborter.signal.aborted) timer = setTimeout(() => void ask(), everyMs);
    };
    void ask();
    return () => {
      aborter.abort();
      clearTimeout(timer);
    };
  }, [key, everyMs, asked]);
  const isCurrent = keeps || state.key === key;
  return {
    value: isCurrent ? state.value : undefined,
    problem: state.problem,
    reload: () => setAsked((count) => count + 1),
  };
}
