-- Mail that nobody vouches for has a quota of its own; what is too old is discarded, and its bytes are removed.
alter table arrival add column unvouched boolean not null default false;
alter table arrival add column raw_gone boolean not null default false;       -- the row stays, the bytes do not
-- What waits of it, and how large it is: counting looks at this index alone, so it has the columns of its own condition as well.
create index arrival_unvouched on arrival (tenant, at, size, unvouched, closed_at, disposition)
where unvouched and closed_at is null and coalesce(disposition, 'held') = 'held';
-- Objects whose row says that they are gone, and that are still to be removed.
create index arrival_raw_to_remove on arrival (tenant, id) where raw_gone and in_blob_store;
