-- What a candidate's name is looked up by: its words, folded, in order. Null: not worked out yet.
alter table candidate add column name_key text;
create index candidate_by_name on candidate (tenant, name_key);
create index candidate_without_name_key on candidate (tenant, id) where name_key is null;
-- What the names inside a mail are looked up by: JSON list, for suggestions.
alter table arrival add column inner_names text;
-- The receipt said already that an answer led nowhere.
alter table token add column again boolean not null default false;
