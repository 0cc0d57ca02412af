-- Taking filed mail back. The history stays append-only: an entry is marked, and a note beside it says so.
alter table history_entry add column withdrawn_at bigint;
alter table history_entry add column withdrawn_by text;
alter table history_entry add column withdrawn_why text;
alter table history_entry add column withdrawn_entry text;   -- the note that takes it back
alter table history_entry add column about text;             -- of a note: the entry that it takes back
alter table history_entry add column moved_from text;        -- the entry that this one came in place of

-- A mail that was taken back is judged anew when it comes again (G3).
drop index history_entry_once;
create unique index history_entry_once on history_entry (tenant, dedupe_key) where dedupe_key is not null and withdrawn_at is null;
create index history_entry_by_arrival on history_entry (tenant, arrival) where arrival is not null;
create index history_entry_by_moved_from on history_entry (tenant, moved_from) where moved_from is not null;

-- A mail may have several entries by now: each message says which one it is about.
alter table outbound_message add column entry text;
alter table outbound_message add column cancelled_at bigint; -- it must not be handed over any more
update outbound_message set entry = (select e.id from history_entry e where e.tenant = outbound_message.tenant
    and e.arrival = outbound_message.arrival) where purpose = 'reply_imported' and arrival is not null;
create index outbound_message_by_entry on outbound_message (tenant, entry) where entry is not null;
