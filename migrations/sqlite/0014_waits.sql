-- Since when a mail waits that was sent through again; null = since it came.
alter table arrival add column waits_since bigint;

-- What is held and open. Discarded mail keeps its disposition for ever, so what is asked of held mail must not go by
-- arrival_by_disposition. The planner counts the columns that a statement names: each index of held mail has the disposition as well, so
-- that none stands behind that one, and the narrower ones stand before the wider.
drop index arrival_held;
drop index arrival_held_by_key;
drop index arrival_held_by_number;
drop index arrival_held_by_forwarder;
create index arrival_held on arrival (tenant, disposition, id) where disposition = 'held' and closed_at is null;
create index arrival_held_since on arrival (tenant, disposition, done_at) where disposition = 'held' and closed_at is null;
create index arrival_held_by_key on arrival (tenant, disposition, dedupe_key) where disposition = 'held' and closed_at is null;
create index arrival_held_by_number on arrival (tenant, disposition, held_number, id)
    where disposition = 'held' and closed_at is null and held_number is not null;
create index arrival_held_by_forwarder on arrival (tenant, disposition, lower(from_address), id)
    where disposition = 'held' and closed_at is null and reason in ('sender_unknown', 'sender_may_not_import', 'forwarder_may_not_see');
