-- Every row has its tenant, and every key begins with it, but for the tables that are asked before the tenant is known:
-- import_address and login. Times are milliseconds since 1970 UTC. Ids are 26 characters, ordered by time.

create table tenant (
    id text not null primary key,
    name text not null,
    time_zone text not null,
    locale text not null,
    fallback_address text,
    reference_pattern text not null,
    reference_check text not null,
    reference_grammar text not null,
    reference_prefix text not null,
    next_serial bigint not null,
    may_import text not null,            -- JSON list of roles
    documents_tab boolean not null,
    documents_kinds text,                -- JSON list of kinds; null = every recognised kind
    notify_forwarder boolean not null,
    created_at bigint not null
);

create table import_address (
    address text not null primary key,   -- lower case, without detail
    tenant text not null references tenant (id),
    position bigint not null             -- the order in which the tenant gave them
);
create index import_address_by_tenant on import_address (tenant, position);

create table user_account (
    tenant text not null references tenant (id),
    id text not null,
    email text not null,                 -- as written; user_address has the form that is compared
    name text not null,
    role text not null,
    locale text not null,
    active boolean not null,
    primary key (tenant, id)
);

create table user_address (
    tenant text not null,
    address text not null,               -- lower case
    user_id text not null,
    is_login boolean not null,           -- the user's own address, not an alias
    primary key (tenant, address),
    foreign key (tenant, user_id) references user_account (tenant, id)
);
create index user_address_by_user on user_address (tenant, user_id);

create table login (
    name text not null primary key,      -- lower case; unique over tenants
    tenant text not null,
    user_id text not null,
    password_hash text,                  -- argon2id; null = cannot sign in
    foreign key (tenant, user_id) references user_account (tenant, id)
);

create table department (
    tenant text not null references tenant (id),
    id text not null,
    name text not null,
    primary key (tenant, id)
);

create table department_user (
    tenant text not null,
    department text not null,
    user_id text not null,
    primary key (tenant, department, user_id),
    foreign key (tenant, department) references department (tenant, id),
    foreign key (tenant, user_id) references user_account (tenant, id)
);

create table job (
    tenant text not null references tenant (id),
    id text not null,
    title text not null,
    department text,
    closed boolean not null,
    primary key (tenant, id)
);

create table candidate (
    tenant text not null references tenant (id),
    id text not null,
    name text not null,
    primary key (tenant, id)
);

create table candidate_address (
    tenant text not null,
    address text not null,               -- lower case
    candidate text not null,
    primary key (tenant, address, candidate),
    foreign key (tenant, candidate) references candidate (tenant, id)
);
create index candidate_address_by_candidate on candidate_address (tenant, candidate);

create table application (
    tenant text not null references tenant (id),
    id text not null,
    reference text not null,
    has_check_digit boolean not null,
    job text not null,
    candidate text not null,
    status text not null,
    erased boolean not null,
    primary key (tenant, id),
    foreign key (tenant, job) references job (tenant, id),
    foreign key (tenant, candidate) references candidate (tenant, id)
);
create unique index application_by_reference on application (tenant, reference);
create index application_by_candidate on application (tenant, candidate);

-- Who is responsible: for a job, or in addition for one application of it.
create table responsible (
    tenant text not null,
    scope text not null,                 -- job | application
    scope_id text not null,
    user_id text not null,
    primary key (tenant, scope, scope_id, user_id),
    foreign key (tenant, user_id) references user_account (tenant, id)
);

create table arrival (
    tenant text not null references tenant (id),
    id text not null,
    door text not null,
    at bigint not null,
    envelope text not null,              -- JSON
    facts text not null,                 -- JSON
    sha256 text not null,                -- of the raw bytes
    size bigint not null,
    in_blob_store boolean not null,
    -- work: null disposition = received
    disposition text,
    reason text,
    attempts bigint not null,
    due_at bigint not null,
    claimed_by text,                     -- the run of the program that has it in hand
    fence bigint not null,               -- raised by every claim, checked again when the result is committed
    alone boolean not null,              -- in hand when a run ended uncleanly: retried first and by itself
    crashes bigint not null,             -- how many runs ended uncleanly while it was in hand alone
    assigned_reference text,             -- an operator's decision
    assigned_by text,
    -- what was understood
    subject text,
    from_name text,
    from_address text,
    reference text,
    message_id text,
    dedupe_key text,
    inner_addresses text,                -- JSON list, for suggestions
    application text,
    entry text,
    done_at bigint,
    closed_at bigint,                    -- a held mail that was discarded
    closed_by text,
    closed_why text,
    primary key (tenant, id)
);
create index arrival_waiting on arrival (due_at, id) where disposition is null;
create index arrival_held on arrival (tenant, id) where disposition = 'held' and closed_at is null;
create index arrival_by_disposition on arrival (tenant, disposition, id);

-- Raw mail up to 64 KiB; larger mail is an object of the blob store, named by the arrival's id.
create table raw_mail (
    tenant text not null,
    arrival text not null,
    bytes blob not null,
    primary key (tenant, arrival),
    foreign key (tenant, arrival) references arrival (tenant, id)
);

create table history_entry (
    tenant text not null,
    id text not null,
    application text not null,
    at bigint not null,
    kind text not null,
    actor text not null,
    subject text not null,
    body text not null,                  -- JSON: text, original, enclosed, note, parts, defects, flags
    visibility text not null,
    arrival text,
    dedupe_key text,                     -- G3: a mail is filed once
    message_id text,
    primary key (tenant, id),
    foreign key (tenant, application) references application (tenant, id)
);
create index history_entry_by_application on history_entry (tenant, application, id);
create unique index history_entry_once on history_entry (tenant, dedupe_key) where dedupe_key is not null;
create index history_entry_by_message_id on history_entry (tenant, message_id) where message_id is not null;

create table document (
    tenant text not null,
    id text not null,
    application text not null,
    entry text not null,
    arrival text not null,
    position bigint not null,            -- its place in the mail
    name text not null,
    name_as_sent text,
    media_type text not null,
    declared_type text not null,
    size bigint not null,
    sha256 text not null,
    kind text not null,
    in_files boolean not null,
    in_documents boolean not null,
    visibility text not null,
    range_start bigint,                  -- in the raw mail; null = an object of its own
    range_end bigint,
    encoding text,
    primary key (tenant, id),
    foreign key (tenant, entry) references history_entry (tenant, id)
);
create index document_by_entry on document (tenant, entry, position);
create index document_by_application on document (tenant, application, id);

create table outbound_message (
    tenant text not null references tenant (id),
    id text not null,
    purpose text not null,
    arrival text,
    recipient text not null,
    locale text not null,
    subject text not null,
    body text not null,
    reply_to text,
    domain text not null,                -- of Message-ID and bounce address
    attached text,                       -- an arrival whose raw mail is attached
    created_at bigint not null,
    state text not null,
    attempts bigint not null,
    next_attempt_at bigint not null,
    last_error text,
    done_at bigint,
    primary key (tenant, id)
);
create index outbound_message_waiting on outbound_message (next_attempt_at, id) where state in ('queued', 'sending', 'deferred');
-- How often somebody was answered lately: see the brakes in notify.
create index outbound_message_lately on outbound_message (tenant, recipient, purpose, created_at) where purpose <> 'reply_imported';

-- Addresses with a token that we gave out: import+TOKEN@.
create table token (
    token text not null primary key,     -- lower case
    tenant text not null references tenant (id),
    purpose text not null,
    message text not null,
    expires_at bigint not null
);
create index token_by_tenant on token (tenant, message);

create table audit_log (
    tenant text not null references tenant (id),
    id text not null,
    at bigint not null,
    actor text not null,
    what text not null,
    subject text not null,               -- the id of what it was done to
    detail text not null,
    primary key (tenant, id)
);
create index audit_log_by_subject on audit_log (tenant, subject, id);

insert into tenant (id, name, time_zone, locale, reference_pattern, reference_check, reference_grammar, reference_prefix, next_serial,
    may_import, documents_tab, notify_forwarder, created_at)
values ('-', 'this machine', 'UTC', 'en', '[0-9]{3,10}', 'none', 'tolerant', 'BW', 1, '[]', false, false, 0);
