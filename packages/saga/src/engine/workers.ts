import { definitionId, type SagaDefinition } from '../definition/definition.ts';
import type { Startable } from '../durable/context.ts';
import type { DurableDefinition } from '../durable/durable.ts';
import { DurableWorker, type DurableWorkerOptions } from '../durable/durable-worker.ts';
import type { NewSaga, SagaRow } from '../saga-store.ts';
import type { Hands } from './intake.ts';
import { SagaWorker, type SagaWorkerOptions } from './saga-worker.ts';

export type WorkersOptions = Omit<SagaWorkerOptions, 'definitions' | 'onEnd'> &
  Pick<DurableWorkerOptions, 'rehearse'> & {
    readonly definitions: ReadonlyMap<string, Startable>;
    /** Called when an instance has ended, or is stuck. */
    readonly onEnd: (
      ended: Parameters<SagaWorkerOptions['onEnd']>[0] | Parameters<DurableWorkerOptions['onEnd']>[0],
    ) => void;
  };

/** The two kinds of workers as one: a row goes to the one that knows its definition. */
export class Workers implements Hands {
  readonly #definitions: ReadonlyMap<string, Startable>;
  readonly #sagas: SagaWorker;
  readonly #durables: DurableWorker;

  constructor(options: WorkersOptions) {
    const { definitions, ...common } = options;
    this.#definitions = definitions;
    const sagas = new Map<string, SagaDefinition>();
    const durables = new Map<string, DurableDefinition>();
    for (const [id, definition] of definitions) {
      if (definition.kind === 'saga') sagas.set(id, definition);
      else durables.set(id, definition);
    }
    this.#sagas = new SagaWorker({ ...common, definitions: sagas });
    const adoptNew = (started: readonly NewSaga[]) => this.adoptNew(started);
    const isRun = (definition: Startable) => definitions.has(definitionId(definition));
    this.#durables = new DurableWorker({ ...common, definitions: durables, adoptNew, isRun });
  }

  get inHand(): number {
    return this.#sagas.inHand + this.#durables.inHand;
  }

  get room(): number {
    return Math.min(this.#sagas.room, this.#durables.room);
  }

  has(id: string): boolean {
    return this.#sagas.has(id) || this.#durables.has(id);
  }

  mailCountOf(id: string): number | undefined {
    return this.#sagas.mailCountOf(id) ?? this.#durables.mailCountOf(id);
  }

  adopt(rows: readonly SagaRow[]): void {
    const [sagas, durables] = this.#sort(rows);
    if (sagas.length > 0) this.#sagas.adopt(sagas);
    if (durables.length > 0) this.#durables.adopt(durables);
  }

  adoptNew(started: readonly NewSaga[]): void {
    const [sagas, durables] = this.#sort(started);
    if (sagas.length > 0) this.#sagas.adoptNew(sagas);
    if (durables.length > 0) this.#durables.adoptNew(durables);
  }

  /** See {@link SagaWorker.begin}. */
  async begin(saga: NewSaga): Promise<boolean> {
    return this.#sagas.begin(saga);
  }

  deliver(row: SagaRow): void {
    if (this.#sagas.has(row.id)) this.#sagas.deliver(row);
    else this.#durables.deliver(row);
  }

  lookForMail(id: string): void {
    this.#sagas.lookForMail(id);
    this.#durables.lookForMail(id);
  }

  dropAll(): void {
    this.#sagas.dropAll();
    this.#durables.dropAll();
  }

  async stop(timeoutMs: number): Promise<void> {
    await Promise.all([this.#sagas.stop(timeoutMs), this.#durables.stop(timeoutMs)]);
  }

  #sort<Item extends Pick<SagaRow, 'name' | 'version'>>(items: readonly Item[]): readonly [Item[], Item[]] {
    const sagas: Item[] = [];
    const durables: Item[] = [];
    for (const item of items) {
      const isDurable = this.#definitions.get(definitionId(item))?.kind === 'durable';
      (isDurable ? durables : sagas).push(item);
    }
    return [sagas, durables];
  }
}
