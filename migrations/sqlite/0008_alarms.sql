-- What an operator must hear, from whatever part of the program. They are the machine's: a door may belong to no tenant.
create table alarm (
    kind text not null,
    about text not null,                 -- a door's or a mailbox's name, as the configuration has it
    text text not null,                  -- without addresses and secrets
    raised_at bigint not null,
    seen_at bigint not null,             -- when it was raised last; an alarm that goes on is one alarm
    told_at bigint,                      -- null = nobody has been told yet
    cleared_at bigint,                   -- null = it goes on
    primary key (kind, about)
);
