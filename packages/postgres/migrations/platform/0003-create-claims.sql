-- Data too large to travel in an event, by the event's id: see docs/decisions/0009.
create table banyan.claim (
  id uuid primary key,
  data text not null,
  expires_at timestamptz not null
);

create index claim_expires on banyan.claim (expires_at);
