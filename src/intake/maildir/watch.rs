//! Tells when something may have come. Only a hint: a network's file system tells nothing, so folders are looked at anyway.

use super::folder::Place;
use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use rustix::io::Errno;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use tokio::io::unix::AsyncFd;

/// What means that a mail may have come: it was renamed, linked, or written to its end; or that the folder itself goes away.
const NEWS: WatchFlags = WatchFlags::MOVED_TO
    .union(WatchFlags::CREATE)
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF);

/// What means that the whole Maildir goes away.
const GONE: WatchFlags = WatchFlags::DELETE_SELF.union(WatchFlags::MOVE_SELF);

/// A watch over `new` and `cur`.
pub struct Watch(AsyncFd<OwnedFd>);

impl Watch {
    /// From now on: what comes later is told.
    pub fn over(path: &Path) -> std::io::Result<Watch> {
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        inotify::add_watch(&inotify, path, GONE | WatchFlags::ONLYDIR)?;
        for place in Place::ALL {
            inotify::add_watch(&inotify, path.join(place.as_str()), NEWS | WatchFlags::ONLYDIR)?;
        }
        // What `register` has its caller promise is what OwnedFd keeps by itself: one open descriptor, always the same.
        #[expect(deprecated, reason = "its successor is unsafe, and this program has no unsafe code")]
        let ready = AsyncFd::new(inotify)?;
        Ok(Watch(ready))
    }

    /// Waits for news.
    pub async fn news(&self) {
        let Ok(mut ready) = self.0.readable().await else { return std::future::pending().await };
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(self.0.get_ref(), &mut buffer);
        // Which files does not matter: all are looked at.
        while let Ok(_) | Err(Errno::INTR) = reader.next() {}
        ready.clear_ready();
    }
}
