//! A folder and a link that change places, over and over: what a process in a container can do to its own files.

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// How often something is tried meanwhile; `tests/full` asks for 500.
pub(crate) fn rounds() -> u32 {
    std::env::var("EXPLORE_RACES").ok().and_then(|number| number.parse().ok()).unwrap_or(25)
}

/// Ends it also where an assertion fails: the thread would be waited for without end.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Does `work` while `target` and `link` in `folder` change places as fast as the kernel lets them.
pub(crate) fn meanwhile<T>(folder: &Path, work: impl FnOnce() -> T) -> T {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _ends = Over(&over);
        scope.spawn(|| {
            let (one, two) = (folder.join("target"), folder.join("link"));
            while !over.load(Ordering::Relaxed) {
                renameat2(AT_FDCWD, &one, AT_FDCWD, &two, RenameFlags::RENAME_EXCHANGE).unwrap();
            }
        });
        work()
    })
}
