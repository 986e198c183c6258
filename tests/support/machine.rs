//! A machine for a test: namespaces on this kernel, kept by a PID 1 that ends with the test.

use super::pids_in;
use nix::sched::{CloneFlags, setns, unshare};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// Mount, PID, network and UTS namespaces of its own. All that runs in it ends with it.
#[derive(Debug)]
pub(crate) struct Machine {
    holder: Child,
    /// PID 1 of the machine, by its number out here.
    pub(crate) init: i32,
}

impl Machine {
    /// Starts one. Its network is new: nothing but a loopback that is down.
    pub(crate) fn start() -> Self {
        // bash, because as PID 1 it also collects the orphans; `read` ends with our end of the pipe.
        let mut holder = Command::new("unshare")
            .args(["--mount", "--pid", "--net", "--uts", "--fork", "--kill-child", "--mount-proc"])
            .args(["bash", "-c", "echo ready; read -r _"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare(1) starts");
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "unshare(1) makes a machine");
        let init = only_child_of(holder.id());
        Self { holder, init }
    }

    /// Runs `work` on the machine: a thread of its own joins, and what it starts is born there.
    pub(crate) fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let kinds = [
            ("uts", CloneFlags::CLONE_NEWUTS),
            ("net", CloneFlags::CLONE_NEWNET),
            ("pid", CloneFlags::CLONE_NEWPID),
            ("mnt", CloneFlags::CLONE_NEWNS),
        ];
        let open = |(name, flag)| (File::open(format!("/proc/{}/ns/{name}", self.init)).unwrap(), flag);
        let doors = kinds.map(open);
        let inside = || {
            // A thread may change its mount namespace once its root and working directory are its own.
            unshare(CloneFlags::CLONE_FS).unwrap();
            for (door, flag) in &doors {
                setns(door, *flag).unwrap();
            }
            work()
        };
        std::thread::scope(|scope| match scope.spawn(inside).join() {
            Ok(value) => value,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    }

    /// All processes on the machine but its PID 1, by their numbers out here.
    pub(crate) fn processes(&self) -> Vec<i32> {
        // What a test has started is a child of the test until it is an orphan; then the machine's PID 1 takes it in.
        let here = namespace_of(self.init);
        let mut found = vec![self.init];
        found
            .extend(children_of(std::process::id().cast_signed()).into_iter().filter(|&pid| namespace_of(pid) == here));
        let mut next = 0;
        while let Some(&parent) = found.get(next) {
            found.extend(children_of(parent));
            next += 1;
        }
        found.split_off(1)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // End of file lets PID 1 go, and the kernel kills the rest; --kill-child does so if it does not listen.
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

fn only_child_of(parent: u32) -> i32 {
    let is_child = |pid: &i32| parent_of(*pid) == Some(parent);
    pids_in("/proc").into_iter().find(is_child).expect("unshare(1) has a child")
}

/// As proc_pid_task_children(5) lists them: quick enough to catch a process at a moment.
fn children_of(pid: i32) -> Vec<i32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let list = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
    tasks.map(list).collect::<Vec<_>>().join(" ").split_whitespace().map(|child| child.parse().unwrap()).collect()
}

/// The PID namespace of a process; `None` where it is gone.
fn namespace_of(pid: i32) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok()
}

fn parent_of(pid: i32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
