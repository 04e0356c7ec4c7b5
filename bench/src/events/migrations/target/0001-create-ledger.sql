create table ledger (id bigint generated always as identity primary key, data jsonb not null);
