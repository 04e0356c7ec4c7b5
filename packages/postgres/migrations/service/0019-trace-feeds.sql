-- The trace that an entry was appended in, as a W3C header: whoever reads the feed goes on with it.
alter table banyan.feed_entry add column traceparent text;
