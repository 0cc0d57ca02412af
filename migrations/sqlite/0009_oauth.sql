-- Mailboxes that sign in by OAuth. They are the machine's: a mailbox stands in the configuration. Tokens are sealed; the key is elsewhere.
create table oauth_token (
    mailbox text primary key,            -- its name in the configuration
    provider text not null,              -- the name of its [[oauth]]
    source text not null,                -- names token address and client: tokens are shown to no other
    generation bigint not null,          -- grows with every set of tokens
    login_at bigint not null,            -- when a person, or a client by itself, signed in
    key_id text not null,                -- the key that sealed both
    access blob,                         -- null = none yet
    refresh blob,                        -- null = none was given
    obtained_at bigint not null,
    expires_at bigint not null,          -- of the access token
    refreshed_at bigint,
    state text not null check (state in ('good', 'lost', 'refused')),
    trouble text,                        -- the last try's, without addresses and secrets
    failures bigint not null,            -- tries in a row that came to nothing
    retry_at bigint,                     -- nobody is asked before
    holder text,                         -- who asks at the moment
    held_until bigint not null
);
