import type { JSX } from 'preact';
import type { AnswerOf } from '../../data/api-types.ts';
import { useResource } from '../../data/resource.ts';
import { Json } from '../../parts/json.tsx';
import { PageHead } from '../../parts/page-head.tsx';
import { Loaded } from '../../parts/states.tsx';
import { href, query, setQuery } from '../../router.ts';
import { system } from '../../shell/system.ts';
import { eventsOf, type OperationDocument, operationsOf } from './documents.ts';
import { TryForm } from './try-form.tsx';

type Contract = AnswerOf<'getContract'>;

export function ContractView({ service }: { readonly service: string }): JSX.Element {
  const found = useResource<Contract>(`/api/contracts/${encodeURIComponent(service)}`);
  const { value } = found;
  return (
    <>
      <PageHead title={service} about={value === undefined ? undefined : `version ${value.version}`}>
        <a class="button" href="/contracts">
          All contracts
        </a>
      </PageHead>
      <Loaded of={found}>{(contract) => <Whole contract={contract} />}</Loaded>
    </>
  );
}

function Whole({ contract }: { readonly contract: Contract }): JSX.Element {
  const { service, openApi, asyncApi, consumers, examples, metrics } = contract;
  const events = eventsOf(asyncApi);
  return (
    <div class="stack">
      <p class="soft">{consumers.length === 0 ? 'Nobody uses it.' : `Used by ${consumers.join(', ')}.`}</p>
      <section class="card">
        <header>
          <h2>Operations</h2>
        </header>
        {operationsOf(openApi).map((operation) => (
          <OperationPart
            key={operation.name}
            {...{ service, operation, example: examples[operation.name] }}
          />
        ))}
      </section>
      {events.length > 0 && (
        <section class="card">
          <header>
            <h2>Events</h2>
          </header>
          {events.map(({ name, summary, document }) => (
            <details key={name} class="fold">
              <summary data-row>
                <code>{name}</code> <span class="soft small">{summary}</span>
              </summary>
              <div class="body">
                <Json label={`Event ${name}`} value={document} />
              </div>
            </details>
          ))}
        </section>
      )}
      {metrics.length > 0 && (
        <section class="card">
          <header>
            <h2>Metrics</h2>
          </header>
          <ul class="body metric-list">
            {metrics.map(({ name, type, help, labels }) => (
              <li key={name}>
                <a data-row href={href('/metrics', { service, metrics: name })}>
                  <code>{name}</code>
                </a>{' '}
                <span class="soft small">
                  {type}. {help} {labelsOf(labels)}
                </span>
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

/** `by payment (card, wallet)`. */
function labelsOf(labels: Contract['metrics'][number]['labels']): string {
  const told = Object.entries(labels).map(([label, values]) => `${label} (${values.join(', ')})`);
  return told.length === 0 ? '' : `By ${told.join(' and ')}.`;
}

interface OperationPartProps {
  readonly service: string;
  readonly operation: OperationDocument;
  readonly example: unknown;
}

function OperationPart({ service, operation, example }: OperationPartProps): JSX.Element {
  const { name, method, path, summary, document } = operation;
  const isOpen = query('operation') === name;
  return (
    <details
      class="fold"
      open={isOpen}
      onToggle={({ currentTarget }) => {
        if (currentTarget.open !== isOpen)
          setQuery({ operation: currentTarget.open ? name : undefined }, { replace: true });
      }}
    >
      <summary data-row>
        <b class="method mono">{method}</b> <code>{path}</code> <span class="soft small">{summary}</span>
      </summary>
      {isOpen && (
        <div class="body operation-parts">
          {system.value !== undefined && system.value.publicUrl === undefined ? (
            <p class="soft">
              It can be tried where the console knows the gateway (<code>BANYAN_CONSOLE_GATEWAY</code>).
            </p>
          ) : (
            <TryForm service={service} operation={name} example={example} />
          )}
          <section>
            <h3>As OpenAPI</h3>
            <Json label={`Schema of ${name}`} value={document} />
          </section>
        </div>
      )}
    </details>
  );
}
