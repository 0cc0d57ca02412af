-- Mailboxes that are emptied over IMAP. They are the machine's, as the configuration names them: they are asked before a tenant is
-- known, so their keys do not begin with one.
create table mailbox (
    name text not null primary key,      -- in the configuration
    source text,                         -- hash of whose folder it is; another one is another mailbox
    uid_validity bigint,                 -- null = never read
    last_uid bigint not null,            -- mails up to it are done with, or in mailbox_mail
    since bigint,                        -- mails from before are not ours; null = everything is
    again_until bigint not null,         -- mails up to this UID may have been accepted under another UIDVALIDITY
    holder text,                         -- who empties it, and until when the others keep away
    held_until bigint not null
);

-- Mails that are done with and still have to leave their folder.
create table mailbox_mail (
    mailbox text not null references mailbox (name),
    uid_validity bigint not null,
    uid bigint not null,
    tenant text not null references tenant (id),
    arrival text,                        -- null = refused
    fate text not null,                  -- accepted | refused
    copied boolean not null,             -- it is where it belongs; the original is still there
    attempts bigint not null,
    due_at bigint not null,
    primary key (mailbox, uid_validity, uid)
);

-- What operators look at: how each door is.
create table door (
    kind text not null,                  -- imap
    name text not null,
    state text not null,
    last_contact_at bigint,
    last_mail_at bigint,
    last_error text,                     -- without addresses
    last_error_at bigint,
    waiting bigint,
    primary key (kind, name)
);

-- A mail that is read again after its folder was made anew is known by its bytes.
create index arrival_by_sha256 on arrival (tenant, sha256) where door = 'imap';
