import type { ComponentChildren, JSX } from 'preact';
import { Icon, type IconName } from '../icons.tsx';

export type Tone = 'good' | 'warn' | 'bad' | 'note' | 'plain';

const shapes: Record<Tone, IconName> = { good: 'good', warn: 'warn', bad: 'bad', note: 'wait', plain: 'dot' };

/** A state in words, with a shape and a colour that repeat it. */
export function Badge(props: {
  readonly tone: Tone;
  readonly icon?: IconName;
  readonly title?: string | undefined;
  readonly children: ComponentChildren;
}): JSX.Element {
  const { tone, icon = shapes[tone], title, children } = props;
  return (
    <span class={`badge is-${tone}`} title={title}>
      <Icon name={icon} size={12} />
      {children}
    </span>
  );
}
