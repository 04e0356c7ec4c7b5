-- What each key of a rate limit owes: when it will owe nothing, in microseconds since 1970 (docs/decisions/0019). Not logged: after a crash
-- everybody begins anew. No index but the key's, and room on each page, so that updates stay on it.
create unlogged table banyan.rate_limit (
  key text primary key,
  free_at_us bigint not null
) with (fillfactor = 50);
