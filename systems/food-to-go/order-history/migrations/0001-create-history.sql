-- What came, once each, with all that its event says. The view below follows from this alone.
create table received (
  order_id uuid not null,
  revision integer not null,
  change jsonb not null,
  primary key (order_id, revision)
);

-- Of what several changes say, the last one counts: `merged(change order by revision)` is the order as it is after all of them.
create aggregate merged (jsonb) (sfunc = jsonb_concat, stype = jsonb, initcond = '{}');

-- The view: each order once.
create table shown (
  order_id uuid primary key,
  revision integer not null,
  consumer_id text not null,
  status text not null,
  restaurant text not null,
  line_items jsonb not null,
  total jsonb not null,
  created_at timestamptz not null,
  rejection text,
  -- Where keywords are looked for: the names of the restaurant and of the dishes.
  names text not null
);

create index shown_to_consumer on shown (consumer_id, created_at desc, order_id desc);
