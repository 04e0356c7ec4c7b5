-- PostgreSQL 18 brings uuidv7(). Older servers get one of the same name, so that a service's migrations run on both.
do $$ begin
  if to_regproc('pg_catalog.uuidv7') is null then
    -- RFC 9562: 48 bits of milliseconds, then the version (bits 52 and 53 turn a version 4 into a 7), then random bits.
    create function public.uuidv7() returns uuid language sql volatile parallel safe as $body$
      select encode(
        set_bit(
          set_bit(
            overlay(
              uuid_send(gen_random_uuid())
              placing substring(int8send(floor(extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
              from 1 for 6
            ),
            52, 1
          ),
          53, 1
        ),
        'hex'
      )::uuid
    $body$;
  end if;
end $$;
