-- Since when a mail's strikes are counted: old ones say nothing of the mail as it is met now.
alter table mailbox_strike add column counted_from bigint not null default 0;
