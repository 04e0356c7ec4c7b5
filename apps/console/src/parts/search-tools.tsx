import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { query, setQuery } from '../router.ts';
import { system } from '../shell/system.ts';

/** A field that changes a part of the address shortly after the last letter. */
export function QueryField(props: {
  readonly name: string;
  readonly label: string;
  readonly type?: 'search' | 'number';
  readonly placeholder?: string;
}): JSX.Element {
  const { name, label, type = 'search', placeholder = label } = props;
  const current = query(name);
  const [text, setText] = useState(current);
  const written = useRef(current);
  useEffect(() => {
    // Back, a link or the palette changed the address.
    if (current !== written.current) setText(current);
    written.current = current;
  }, [current]);
  useEffect(() => {
    if (text === written.current) return;
    const timer = setTimeout(() => {
      written.current = text;
      setQuery({ [name]: text }, { replace: true });
    }, 250);
    return () => clearTimeout(timer);
  }, [text, name]);
  const common = {
    'aria-label': label,
    placeholder,
    value: text,
    onInput: (input: { readonly currentTarget: HTMLInputElement }) => setText(input.currentTarget.value),
  };
  return type === 'number' ? (
    <input {...common} type="number" min={0} class="is-short" />
  ) : (
    <input {...common} type="search" />
  );
}

export function QuerySelect(props: {
  readonly name: string;
  readonly label: string;
  readonly options: readonly { readonly value: string; readonly title: string }[];
}): JSX.Element {
  const { name, label, options } = props;
  return (
    <select
      aria-label={label}
      value={query(name)}
      onChange={({ currentTarget }) => setQuery({ [name]: currentTarget.value })}
    >
      {options.map(({ value, title }) => (
        <option key={value} value={value}>
          {title}
        </option>
      ))}
    </select>
  );
}

/** One service of the system, or all. */
export function ServiceSelect(): JSX.Element {
  const names = (system.value?.services ?? []).map(({ name }) => name);
  const asked = query('service');
  const known = asked === '' || names.includes(asked) ? names : [...names, asked];
  return (
    <QuerySelect
      name="service"
      label="Service"
      options={[{ value: '', title: 'All services' }, ...known.map((name) => ({ value: name, title: name }))]}
    />
  );
}

const spans = [
  { value: '5m', title: 'Last 5 minutes', ms: 300_000 },
  { value: '', title: 'Last 15 minutes', ms: 900_000 },
  { value: '1h', title: 'Last hour', ms: 3_600_000 },
  { value: '6h', title: 'Last 6 hours', ms: 21_600_000 },
  { value: '1d', title: 'Last day', ms: 86_400_000 },
  { value: '7d', title: 'Last 7 days', ms: 604_800_000 },
] as const;

export function SinceSelect(): JSX.Element {
  return <QuerySelect name="since" label="Time" options={spans} />;
}

/** Beginning of the time that `SinceSelect` has chosen. */
export function sinceNow(): string {
  const { ms } = spans.find(({ value }) => value === query('since')) ?? spans[1];
  return new Date(Date.now() - ms).toISOString();
}

/** A button that is on while a part of the address says `yes`. */
export function QueryToggle({ name, title }: { readonly name: string; readonly title: string }): JSX.Element {
  const isOn = query(name) === 'yes';
  return (
    <button
      type="button"
      class="button"
      aria-pressed={isOn}
      onClick={() => setQuery({ [name]: isOn ? undefined : 'yes' })}
    >
      {title}
    </button>
  );
}
