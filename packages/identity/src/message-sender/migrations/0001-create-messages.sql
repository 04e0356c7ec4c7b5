create table messages (
  message_id text primary key,
  recipient text not null,
  subject text not null,
  body text not null,
  sent_at timestamptz not null default clock_timestamp()
);
