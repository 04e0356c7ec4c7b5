-- A letter of a client, with a link to what it is about; the thing itself is not in it.
create table client_letter (
  letter_id uuid primary key default uuidv7(),
  words text not null,
  link text not null
);

-- What links led to when somebody had to know.
create table enclosure (
  link text primary key,
  text text not null,
  valid_until timestamptz not null
);
