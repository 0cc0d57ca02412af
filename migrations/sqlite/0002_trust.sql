-- What a tenant says about whom it trusts, and about what is filed.
alter table tenant add column disagreement text not null default 'hold';
alter table tenant add column trusted_sealers text not null default '[]';     -- JSON list of domains
alter table tenant add column refused_file_types text;                        -- JSON list of endings; null = the built-in list
alter table user_account add column wants_receipts boolean not null default false;
-- An answer to a receipt chose the application, and not an operator.
alter table arrival add column assigned_by_forwarder boolean not null default false;
create index department_user_by_user on department_user (tenant, user_id, department);

-- Answers to receipts name the message that they answer; those of older rows are not known.
update arrival set envelope = json_set(envelope, '$.purpose', json('{"receipt_answer":{"message":null}}'))
where json_extract(envelope, '$.purpose') = 'receipt_answer';

-- A token belongs to a message of ours that is answered, or to an application to which a candidate may write.
create table new_token (
    token text not null primary key,     -- lower case
    tenant text not null references tenant (id),
    purpose text not null,               -- receipt | reply
    message text,
    application text,
    created_at bigint not null,
    expires_at bigint not null,
    revoked_at bigint,
    used_at bigint,                      -- a receipt is answered once
    suggestions text,                    -- JSON list of the numbers that the receipt offered, in its order
    foreign key (tenant, application) references application (tenant, id)
);
insert into new_token (token, tenant, purpose, message, created_at, expires_at)
select token, tenant, purpose, message, 0, expires_at from token;
drop table token;
alter table new_token rename to token;
create index token_by_message on token (tenant, message) where message is not null;
create index token_by_application on token (tenant, application) where application is not null;
