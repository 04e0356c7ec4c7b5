-- One row a key: its lock makes the order of numbers the order of commits.
create table counter (key text primary key, number int not null);
create table sent (key text not null, number int not null, primary key (key, number));
