create table orders (
  order_id bigint primary key,
  state text not null
);
create table steps (
  id bigint generated always as identity primary key,
  order_id bigint not null,
  step text not null
);
