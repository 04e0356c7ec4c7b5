-- What was asked for under the key. Unknown of orders from before: a key of theirs is taken.
alter table order_requests add column request_digest text;
