import type { Service } from './service.ts';

/** A service without tables, events, messages or consumers gets by without a database. */
export function hasDatabase({
  audited,
  keepsRecords,
  migrations,
  on,
  contract,
  uses,
  sagas,
  durable,
  flows,
}: Service): boolean {
  const mayRecord = [
    audited,
    on,
    contract.events,
    ...[contract, ...Object.values(uses)].map(({ messages }) => messages),
  ];
  return (
    keepsRecords ||
    migrations !== undefined ||
    sagas.length + durable.length + flows.length > 0 ||
    mayRecord.some((part) => Object.keys(part).length > 0)
  );
}

export function noDatabase(name: string): TypeError {
  return new TypeError(`service '${name}' has no database: give it 'migrations'.`);
}
