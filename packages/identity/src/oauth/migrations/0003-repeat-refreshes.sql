-- Of a used refresh token: the one that it was exchanged for, so that an answer that was lost can be given again.
alter table records
  add column successor_hash text,
  -- Encrypted for this row.
  add column sealed_successor text;
