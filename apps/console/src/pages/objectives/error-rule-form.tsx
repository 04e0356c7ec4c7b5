import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { put } from '../../data/api.ts';
import { notify } from '../../parts/notices.tsx';
import { query } from '../../router.ts';
import { system } from '../../shell/system.ts';

/** Says how many errors are too many, of a service or, where the address names it, of one group. */
export function ErrorRuleForm({ done }: { readonly done: () => void }): JSX.Element {
  const group = query('group');
  const [service, setService] = useState(query('service'));
  const [maxErrors, setMaxErrors] = useState('10');
  const [minutes, setMinutes] = useState('5');
  const known = (system.value?.services ?? []).map(({ name }) => name);
  const names = service === '' || known.includes(service) ? known : [...known, service];
  const isOfGroup = group !== '' && service === query('service');
  const state = async (submit: Event) => {
    submit.preventDefault();
    try {
      await put(`/api/error-rules/${encodeURIComponent(isOfGroup ? group : service)}`, {
        service,
        ...(isOfGroup ? { groupId: group } : {}),
        maxErrors: Number(maxErrors),
        windowMinutes: Number(minutes),
      });
      notify(`More than ${maxErrors} errors of ${service} alert.`);
      done();
    } catch (error) {
      notify(error instanceof Error ? error.message : String(error), { isBad: true });
    }
  };
  return (
    <form class="toolbar" aria-label="Alert on a burst of errors" onSubmit={(event) => void state(event)}>
      <label>
        {isOfGroup ? 'One error alone of' : 'Errors of'}
        <select
          aria-label="Service whose errors count"
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
      <label>
        more than
        <input
          type="number"
          class="is-short"
          aria-label="More errors than this"
          required
          min={0}
          max={1_000_000}
          value={maxErrors}
          onInput={({ currentTarget }) => setMaxErrors(currentTarget.value)}
        />
      </label>
      <label>
        within
        <input
          type="number"
          class="is-short"
          aria-label="Within so many minutes"
          required
          min={1}
          max={60}
          value={minutes}
          onInput={({ currentTarget }) => setMinutes(currentTarget.value)}
        />
        min
      </label>
      <button type="submit" class="button is-main">
        Alert on it
      </button>
    </form>
  );
}
