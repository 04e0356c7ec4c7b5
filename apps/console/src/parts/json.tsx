import type { JSX } from 'preact';

/** A value as indented JSON that can be scrolled with the keyboard. */
export function Json({ value, label }: { readonly value: unknown; readonly label: string }): JSX.Element {
  return <Text label={label} text={JSON.stringify(value, null, 2) ?? 'undefined'} />;
}

export function Text({ text, label }: { readonly text: string; readonly label: string }): JSX.Element {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard.
    <section aria-label={label} class="text-frame" tabIndex={0}>
      <pre>{text}</pre>
    </section>
  );
}

/** Names and values, the values as they are if they are plain. */
export function Facts({ of }: { readonly of: Readonly<Record<string, unknown>> }): JSX.Element {
  return (
    <dl class="facts small">
      {Object.entries(of).map(([name, value]) => (
        <>
          <dt key={`${name} name`}>{name}</dt>
          <dd key={name} class="mono">
            {typeof value === 'object' ? JSON.stringify(value) : String(value)}
          </dd>
        </>
      ))}
    </dl>
  );
}
