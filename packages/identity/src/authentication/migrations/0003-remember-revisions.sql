-- Which of the account's passwords it was that was right.
alter table logins add column password_revision integer;
create index on logins (account_id) where account_id is not null;
