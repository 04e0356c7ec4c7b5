import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { post } from '../../data/api.ts';
import type { AnswerOf } from '../../data/api-types.ts';
import { formatMs } from '../../format.ts';
import { readJson } from '../../parts/ask.tsx';
import { Badge } from '../../parts/badge.tsx';
import { Json, Text } from '../../parts/json.tsx';

type Tried = AnswerOf<'tryOperation'>;

interface TryFormProps {
  readonly service: string;
  readonly operation: string;
  readonly example: unknown;
}

/** Calls an operation as somebody outside would: through the gateway. The token is sent and kept nowhere. */
export function TryForm({ service, operation, example }: TryFormProps): JSX.Element {
  const [input, setInput] = useState(JSON.stringify(example ?? {}, null, 2));
  const [token, setToken] = useState('');
  const [tried, setTried] = useState<Tried>();
  const [failure, setFailure] = useState<string>();
  const [isBusy, setIsBusy] = useState(false);
  const send = async (submit: Event) => {
    submit.preventDefault();
    setIsBusy(true);
    setFailure(undefined);
    try {
      const body = { operation, input: readJson(input), ...(token === '' ? {} : { token }) };
      setTried(await post<Tried>(`/api/contracts/${encodeURIComponent(service)}/try`, body));
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error));
    }
    setIsBusy(false);
  };
  return (
    <form class="stack" onSubmit={(event) => void send(event)}>
      <h3>Try it through the gateway</h3>
      <label class="field">
        <span>Input, as JSON</span>
        <textarea
          value={input}
          spellcheck={false}
          onInput={({ currentTarget }) => setInput(currentTarget.value)}
        />
      </label>
      <label class="field">
        <span>Bearer token, if it needs one</span>
        <input
          type="password"
          autocomplete="off"
          value={token}
          onInput={({ currentTarget }) => setToken(currentTarget.value)}
        />
      </label>
      <div class="buttons">
        <button type="submit" class="button is-main" disabled={isBusy}>
          Send
        </button>
      </div>
      <div class="stack" aria-live="polite">
        {failure !== undefined && <p class="problem">{failure}</p>}
        {tried !== undefined && (
          <>
            <p>
              <Badge tone={tried.status < 400 ? 'good' : 'bad'}>{tried.status}</Badge> after{' '}
              {formatMs(tried.durationMs)}{' '}
              {tried.traceId !== undefined && <a href={`/traces/${tried.traceId}`}>Its trace</a>}
            </p>
            {tried.body === undefined ? (
              <Text label="Answer" text={tried.text ?? ''} />
            ) : (
              <Json label="Answer" value={tried.body} />
            )}
          </>
        )}
      </div>
    </form>
  );
}
