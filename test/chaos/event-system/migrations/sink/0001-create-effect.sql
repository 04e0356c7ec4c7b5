-- Without a unique constraint: a doubled effect must be seen, not refused.
create table effect (seq bigint generated always as identity primary key, key text not null, number int not null);
