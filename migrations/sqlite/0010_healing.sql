-- Held mail that heals by itself: how often it was looked at again, and when next.
alter table arrival add column heal_tries bigint not null default 0;
alter table arrival add column heal_due_at bigint;                         -- null = not by itself, or only when something happens
alter table arrival add column heal_unsettled bigint not null default 0;   -- looks that a crash cut off, in a row
alter table arrival add column heal_version text;                          -- the version of the program that could not read it
alter table arrival add column heals text;                                 -- while it goes through by itself: what it was held for
alter table arrival add column held_number text;                           -- the number that no application had
create index arrival_to_heal on arrival (reason, heal_due_at, tenant, id)
    where disposition = 'held' and closed_at is null and heal_due_at is not null;
create index arrival_held_by_number on arrival (tenant, held_number, id)
    where disposition = 'held' and closed_at is null and held_number is not null;
create index arrival_held_by_forwarder on arrival (tenant, lower(from_address), id)
    where disposition = 'held' and closed_at is null and reason in ('sender_unknown', 'sender_may_not_import', 'forwarder_may_not_see');
create index arrival_held_unread on arrival (tenant, id)
    where disposition = 'held' and closed_at is null and reason in ('unreadable', 'crashed_twice');

-- What is held already takes part.
update arrival set held_number = reference where disposition = 'held' and closed_at is null and reason = 'unknown_number';
update arrival set heal_due_at = coalesce(done_at, at) where disposition = 'held' and closed_at is null and reason = 'not_scanned';

-- What happened that held mail may wait for, until all such mail is marked as due: in steps, for there may be much of it.
create table healing_event (
    tenant text not null references tenant (id),
    kind text not null,                  -- number | forwarder
    about text not null,                 -- the number, or the address in lower case
    after text not null,                 -- mails up to this id are marked
    primary key (tenant, kind, about)
);
