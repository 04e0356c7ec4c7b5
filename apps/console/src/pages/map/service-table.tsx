import type { JSX } from 'preact';
import { formatMs, formatRate, formatShare } from '../../format.ts';
import { Badge } from '../../parts/badge.tsx';
import { Empty } from '../../parts/states.tsx';
import { Table } from '../../parts/table.tsx';
import { href } from '../../router.ts';
import type { MapNode, MapPicture } from './picture.ts';

interface ServiceTableProps {
  readonly picture: MapPicture;
  readonly chosen: string;
  readonly find: string;
}

export function ServiceTable({ picture, chosen, find }: ServiceTableProps): JSX.Element {
  const rows = picture.nodes.filter(({ name }) => name.includes(find));
  if (rows.length === 0) return <Empty title="No service has that in its name.">Try fewer letters.</Empty>;
  return (
    <Table<MapNode>
      caption="Services"
      rows={rows}
      keyOf={({ name }) => name}
      isChosen={({ name }) => name === chosen}
      columns={[
        {
          title: 'Service',
          cell: ({ name }) => (
            <a data-row href={href('/', { service: name, view: 'table', find })}>
              {name}
            </a>
          ),
        },
        { title: 'State', cell: ({ standing: { tone, word } }) => <Badge tone={tone}>{word}</Badge> },
        { title: 'Rate', isNumber: true, cell: ({ traffic }) => formatRate(traffic?.perSecond ?? 0) },
        { title: 'Errors', isNumber: true, cell: ({ traffic }) => formatShare(traffic?.errorRate ?? 0) },
        { title: 'p50', isNumber: true, isWideOnly: true, cell: ({ traffic }) => formatMs(traffic?.p50Ms) },
        { title: 'p99', isNumber: true, isWideOnly: true, cell: ({ traffic }) => formatMs(traffic?.p99Ms) },
        { title: 'Version', isWideOnly: true, cell: ({ service }) => service?.version ?? '–' },
        {
          title: 'Instances',
          isNumber: true,
          isWideOnly: true,
          cell: ({ service }) => service?.instances.length ?? '–',
        },
        { title: 'Process', isWideOnly: true, cell: ({ service }) => service?.group ?? '–' },
      ]}
    />
  );
}
