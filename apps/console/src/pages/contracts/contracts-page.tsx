import type { JSX } from 'preact';
import type { AnswerOf } from '../../data/api-types.ts';
import { useResource } from '../../data/resource.ts';
import { PageHead } from '../../parts/page-head.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { Table } from '../../parts/table.tsx';
import type { PageProps } from '../../shell/pages.ts';
import { ContractView } from './contract-view.tsx';

type Contract = AnswerOf<'listContracts'>['contracts'][number];

/** `/contracts` and `/contracts/SERVICE`. */
export function ContractsPage({ rest: [service] }: PageProps): JSX.Element {
  return service === undefined ? (
    <List />
  ) : (
    <ContractView key={service} service={decodeURIComponent(service)} />
  );
}

function List(): JSX.Element {
  const found = useResource<AnswerOf<'listContracts'>>('/api/contracts');
  return (
    <>
      <PageHead title="Contracts" about="What services promise, and to whom." />
      <div class="card">
        <Loaded of={found}>
          {({ contracts }) =>
            contracts.length === 0 ? (
              <Empty title="No contracts.">A system names its services in `system.ts`.</Empty>
            ) : (
              <Table<Contract>
                caption="Contracts"
                rows={contracts}
                keyOf={({ service }) => service}
                columns={[
                  {
                    title: 'Service',
                    cell: ({ service, description }) => (
                      <>
                        <a data-row href={`/contracts/${encodeURIComponent(service)}`}>
                          {service}
                        </a>
                        <div class="soft small">{description}</div>
                      </>
                    ),
                  },
                  { title: 'Version', cell: ({ version }) => version },
                  { title: 'Operations', isNumber: true, cell: ({ operations }) => operations },
                  { title: 'Events', isNumber: true, isWideOnly: true, cell: ({ events }) => events },
                  {
                    title: 'Used by',
                    isWideOnly: true,
                    cell: ({ consumers }) => consumers.join(', ') || <span class="soft">nobody</span>,
                  },
                ]}
              />
            )
          }
        </Loaded>
      </div>
    </>
  );
}
