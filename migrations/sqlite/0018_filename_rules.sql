-- What a tenant says of its files' names: words, and the kind that they tell. They go before what everybody says.
create table filename_rule (
    tenant text not null references tenant (id),
    pattern text not null,               -- the words folded, as they are compared
    words text not null,                 -- as they were given
    kind text not null,
    created_at bigint not null,
    created_by text not null,
    primary key (tenant, pattern)
);
