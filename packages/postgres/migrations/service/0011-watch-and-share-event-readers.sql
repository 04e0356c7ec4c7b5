-- Instances that share a subscription, each for as long as it says so (@banyan/event-store, members.ts).
create table banyan.event_member (
  subscription text not null,
  member text not null,
  until timestamptz not null,
  primary key (subscription, member)
);

-- Readers of the log that are behind for too long: who adds or removes the row raises or clears the alarm.
create table banyan.event_alarm (
  reader text primary key,
  raised_at timestamptz not null default clock_timestamp()
);
