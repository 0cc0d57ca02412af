-- What an alarm about a door needs to know.
alter table door add column since bigint;          -- when it was first heard of
alter table door add column failing_since bigint;  -- null = its last word was a good one
alter table door add column expires_at bigint;     -- until when its access is good; null = nobody can say
update door set since = last_contact_at;

-- What was said of an alarm by each way: one way that fails keeps no other from telling.
create table alarm_told (
    kind text not null,
    about text not null,
    way text not null,                   -- log | mail | webhook
    raised_at bigint not null,           -- of the alarm that the rest is about: one that was over and begins anew is another
    told_at bigint,                      -- last told that it goes on; null = not yet
    over_at bigint,                      -- told that it is over
    attempts bigint not null,            -- in vain, since it last worked
    due_at bigint not null,              -- not tried again before
    last_error text,                     -- without addresses and secrets
    primary key (kind, about, way)
);

-- Mails to ourselves. They are the machine's, as the configuration names them. Rows do not live longer than a day or two.
create table canary (
    token text not null primary key,     -- what the mail bears; counts once, and not for long
    door_kind text not null,             -- the door by which it must come
    door_name text not null,
    asked_at bigint not null,
    sent_at bigint,                      -- null = asked for, and not sent yet
    error text,                          -- why it could not be handed over; without addresses
    arrived_at bigint,
    tenant text,
    arrival text
);
create index canary_by_door on canary (door_kind, door_name, asked_at);
create index canary_by_age on canary (asked_at);
create index canary_to_send on canary (asked_at) where sent_at is null;
