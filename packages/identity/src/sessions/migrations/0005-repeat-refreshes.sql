-- Of the key that a token was used with: whoever comes with both again did not get the answer.
alter table refresh_tokens add column retry_hash text;
