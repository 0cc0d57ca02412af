-- A mail whose sender cannot be checked as yet (fate put_off) lies in mailbox_mail beside those that are done with: what leaves its folder
-- and what is due to be looked at again are found without reading over the others.
create index mailbox_mail_leaving on mailbox_mail (mailbox, uid_validity, due_at, uid) where fate <> 'put_off';
create index mailbox_mail_due on mailbox_mail (mailbox, due_at);
create index mailbox_mail_put_off on mailbox_mail (mailbox, uid_validity, due_at) where fate = 'put_off';
