import type { JSX } from 'preact';
import type { SagaSummary } from '../../data/api-types.ts';
import type { IconName } from '../../icons.tsx';
import { Badge, type Tone } from '../../parts/badge.tsx';

const looks: Record<SagaSummary['status'], readonly [Tone, IconName]> = {
  running: ['note', 'wait'],
  compensating: ['warn', 'undone'],
  completed: ['good', 'good'],
  compensated: ['plain', 'undone'],
  failed: ['bad', 'bad'],
  stuck: ['bad', 'warn'],
};

export function SagaBadge({ status }: { readonly status: SagaSummary['status'] }): JSX.Element {
  const [tone, icon] = looks[status];
  return (
    <Badge tone={tone} icon={icon}>
      {status}
    </Badge>
  );
}
