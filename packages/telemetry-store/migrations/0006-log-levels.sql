-- What a page's filter has: since 1 also which services have lines of which levels.
alter table telemetry.log_pages add column form smallint not null default 0;
