-- What administrators are told daily of held mail, and how long held mail is kept.
alter table tenant add column digest_at text not null default '07:00';        -- local time; off = no digest
alter table tenant add column discard_held_after_days bigint not null default 0; -- 0 = never

-- A day of the tenant's calendar is told once, whatever the clock does.
create table daily_digest (
    tenant text not null references tenant (id),
    day text not null,                   -- 2026-11-22, in the tenant's time zone
    at bigint not null,
    mails bigint not null,               -- how many waited; 0 = nobody was told
    primary key (tenant, day)
);

-- Which digest named which held mail, until one of them has been handed over. Rows go with the mail.
create table held_named (
    tenant text not null references tenant (id),
    arrival text not null,
    message text not null,
    primary key (tenant, arrival, message)
);

-- Who was told of a held mail: letter for letter the condition of those who ask.
create index outbound_message_of_held on outbound_message (tenant, arrival) where purpose in ('receipt', 'mail_held');

-- Mails that broke the connection while they were fetched; rows go when the mail is done with.
create table mailbox_strike (
    mailbox text not null references mailbox (name),
    uid_validity bigint not null,
    uid bigint not null,
    strikes bigint not null,
    is_wrong boolean not null,           -- the server's answer is wrong; else the line may be at fault
    primary key (mailbox, uid_validity, uid)
);
