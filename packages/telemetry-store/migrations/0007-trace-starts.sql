-- Which traces began within a time. Parts come nearly in the order of their starts, and each row costs hardly anything to write.
create index on telemetry.trace_parts using brin (start_us) with (pages_per_range = 16, autosummarize = on);
