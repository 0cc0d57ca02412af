-- Whether the same mail is held already: its forwarder has a receipt, and gets no second one.
create index arrival_held_by_key on arrival (tenant, dedupe_key) where disposition = 'held' and closed_at is null;
