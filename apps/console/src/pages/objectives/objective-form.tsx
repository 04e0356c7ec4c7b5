import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { put } from '../../data/api.ts';
import { notify } from '../../parts/notices.tsx';
import { system } from '../../shell/system.ts';

/** States an objective, or changes the one of the same service and operation. */
export function ObjectiveForm({ done }: { readonly done: () => void }): JSX.Element {
  const [service, setService] = useState('');
  const [operation, setOperation] = useState('');
  const [percent, setPercent] = useState('99.9');
  const [withinMs, setWithinMs] = useState('');
  const names = (system.value?.services ?? []).map(({ name }) => name);
  const state = async (submit: Event) => {
    submit.preventDefault();
    const objectiveId = operation === '' ? service : operation;
    try {
      await put(`/api/objectives/${encodeURIComponent(objectiveId)}`, {
        service,
        ...(operation === '' ? {} : { operation }),
        target: Number(percent) / 100,
        ...(withinMs === '' ? {} : { withinMs: Number(withinMs) }),
      });
      notify(`Stated for ${objectiveId}.`);
      done();
    } catch (error) {
      notify(error instanceof Error ? error.message : String(error), { isBad: true });
    }
  };
  return (
    <form class="toolbar" aria-label="State an objective" onSubmit={(event) => void state(event)}>
      <label>
        Of
        <select
          aria-label="Service"
          required
          value={service}
          onChange={({ currentTarget }) => setService(currentTarget.value)}
        >
          <option value="">a service …</option>
          {names.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <input
        type="search"
        aria-label="One operation alone"
        placeholder="One operation alone"
        value={operation}
        onInput={({ currentTarget }) => setOperation(currentTarget.value)}
      />
      <label>
        <input
          type="number"
          class="is-short"
          aria-label="Share of good requests, in per cent"
          required
          min={50}
          max={99.999}
          step="any"
          value={percent}
          onInput={({ currentTarget }) => setPercent(currentTarget.value)}
        />
        % good
      </label>
      <label>
        within
        <input
          type="number"
          class="is-short"
          aria-label="Within so many milliseconds"
          placeholder="any time"
          min={1}
          value={withinMs}
          onInput={({ currentTarget }) => setWithinMs(currentTarget.value)}
        />
        ms
      </label>
      <button type="submit" class="button is-main">
        State it
      </button>
    </form>
  );
}
