-- Amounts of different currencies cannot be added up to compare them with one limit. All prices so far were in euros.
-- The default is for instances of the version before, which insert accounts while they are being replaced.
alter table accounts add column currency text not null default 'EUR';
