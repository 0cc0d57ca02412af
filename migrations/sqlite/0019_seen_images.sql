-- Small images that filed mails had, so that a logo is known by being sent again and again. writer is the SHA-256 of the tenant and the
-- writer's address, sha256 that of the image; no address, no name and no image is here. One row a writer and image: times counts mails,
-- applications those that were not for the application of the mail before.
create table seen_image (
    tenant text not null references tenant (id),
    writer text not null,
    sha256 text not null,
    times bigint not null,
    applications bigint not null,
    last_application text not null,
    last_at bigint not null,
    primary key (tenant, writer, sha256)
);
create index seen_image_last on seen_image (last_at);
