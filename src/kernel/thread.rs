//! Threads, where there must be none: setns(2) into a user namespace and fork(2) are for a process with one.

use std::time::Duration;

/// How many threads this process has, as the kernel lists them (proc_pid_task(5)).
pub fn count() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count)
}

/// Waits until no more than `most` are listed.
///
/// Joining a thread waits for the moment at which the kernel clears its number in memory (`CLONE_CHILD_CLEARTID`,
/// clone(2)). A little later only it leaves the list of threads, and setns(2) answers EINVAL while it is there.
pub fn wait_until_at_most(most: usize) {
    for _ in 0..1000 {
        if count() <= most {
            return;
        }
        std::thread::sleep(Duration::from_micros(100));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_thread_that_runs_is_counted() {
        let (go, hear) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || hear.recv());
        assert!(super::count() >= 2);
        drop(go);
        let _ = thread.join();
    }
}
