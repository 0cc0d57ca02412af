-- Maildirs that are emptied. They are the machine's, as the configuration names them.
create table maildir (
    name text not null primary key,      -- in the configuration
    source text not null                 -- hash of its path; another one is another Maildir
);

-- Files that are done with and still lie there, or were never ours. A row goes once its file has left.
create table maildir_mail (
    maildir text not null references maildir (name),
    file text not null,                  -- hash of its unique name, which keeps when a mail program moves it from new to cur
    fate text not null,                  -- accepted | refused | passed
    sha256 text,                         -- of an accepted mail: another one under the same name is another mail
    tenant text references tenant (id),
    arrival text,
    primary key (maildir, file)
);

-- A mail that a mail host hands to a pipe again, because it did not hear that it was accepted, is known by its bytes.
create index arrival_piped on arrival (tenant, sha256) where door = 'pipe';
