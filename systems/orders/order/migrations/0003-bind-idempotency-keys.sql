-- A key names a request of one customer. Whoever hits on the key of another one must not get that one's order.
-- Between releases this would take two steps, since an instance of before names the rule when it inserts; there has been none.
alter table orders drop constraint orders_idempotency_key_key;
-- What was asked for under the key. Unknown of orders from before: a key of theirs is taken.
alter table orders add column request_digest text;
create unique index on orders ((customer->>'customerId'), idempotency_key);
