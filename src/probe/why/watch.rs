//! Watching a command: each refusal is judged at once, while its process waits.

use super::judge::{self, Past};
use super::subject::Subject;
use super::verdict::{Layer, Verdict};
use super::{filter, limit, network, path, render};
use crate::kernel::feature;
use crate::kernel::process::Ended;
use crate::kernel::trace::{self, Call, Watcher};
use crate::probe::need::Who;
use nix::errno::Errno;
use nix::sys::statvfs::FsFlags;
use nix::unistd::Pid;
use serde::Serialize;
use std::collections::BTreeMap;

/// So many different refusals are kept; what comes later is counted only.
const MOST: usize = 256;

/// A call that was refused, and by which layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The process that made it.
    pub process: i32,
    /// Its name, as `ps` shows it.
    pub program: String,
    /// The call and its answer, as strace would print them.
    pub call: String,
    /// How often the same process made it.
    pub times: u32,
    /// The layer, and what helps.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// What is known of a process.
#[derive(Default, Clone)]
struct Member {
    past: Past,
    /// What is said if the execve(2) that it is in succeeds: rights that the program's file gives, and it will not get.
    pending: Option<Verdict>,
    lost: Option<Verdict>,
    last: Option<Call>,
    program: String,
    kills: (u64, String),
    /// It became its program in another mount namespace than ours.
    inside: bool,
}

/// What a watched command has met.
#[derive(Default)]
pub(super) struct Watch {
    members: BTreeMap<Pid, Member>,
    pub(super) refusals: Vec<Refusal>,
    pub(super) failed: Vec<i32>,
    /// A set-user-ID program that an ordinary user may not watch.
    pub(super) unseen: Option<String>,
    /// Our mount namespace, where only what was refused in another one counts: in a container.
    only_inside: Option<std::path::PathBuf>,
    may_watch_all: bool,
}

impl Watch {
    pub(super) fn new(only_inside: bool) -> Self {
        let me = Subject::of(Pid::this());
        let may_watch_all = me.is_some_and(|me| me.holds("CAP_SYS_PTRACE") && !me.in_user_namespace());
        let ours = only_inside.then(|| std::fs::read_link("/proc/self/ns/mnt").ok()).flatten();
        Self { only_inside: ours, may_watch_all, ..Self::default() }
    }

    /// In a container, what became a program there: before that it is `explore` that makes it.
    fn counts(&self, process: Pid) -> bool {
        self.only_inside.is_none() || self.members.get(&process).is_some_and(|member| member.inside)
    }

    fn add(&mut self, process: Pid, call: String, verdict: Verdict) {
        let number = process.as_raw();
        if let Some(same) = self.refusals.iter_mut().find(|one| one.process == number && one.call == call) {
            same.times += 1;
            return;
        }
        if self.refusals.len() >= MOST {
            return;
        }
        let program = comm(process).or_else(|| self.members.get(&process).map(|member| member.program.clone()));
        self.refusals.push(Refusal { process: number, program: program.unwrap_or_default(), call, times: 1, verdict });
    }

    fn judge(&mut self, process: Pid, call: &Call, errno: Errno) {
        if !judge::is_worth_a_look(call, errno) || !self.counts(process) {
            return;
        }
        let Some(subject) = Subject::of(process) else { return };
        let member = self.members.entry(process).or_default().clone();
        let Some(mut verdict) = judge::judge(&subject, &member.past, call, errno) else { return };
        let about_rights = [Layer::Capability, Layer::FileMode, Layer::FileOwner, Layer::ProcessOwner, Layer::Sysctl];
        if let (Some(lost), true) = (member.lost, about_rights.contains(&verdict.layer)) {
            verdict = Verdict { because: format!("{}; and so: {}", lost.because, verdict.because), ..lost };
        }
        self.add(process, render::call(process, call, errno), verdict);
    }

    /// A program whose file gives rights: what it will not get, or whether it must be let go to get them.
    fn becomes(&mut self, process: Pid, call: &Call) -> bool {
        let target = super::file::targets(process, call).into_iter().next();
        let (Some(target), Some(subject)) = (target, Subject::of(process)) else { return true };
        let Some(file) = path::go(&subject, target.folder, &target.path, true).found else { return true };
        let set_user = file.stat.st_mode & libc::S_ISUID != 0 && file.stat.st_uid != subject.status.euid;
        let capable = subject.fsuid() != 0 && feature::has_file_capabilities(file.path.as_ref());
        if !(set_user || capable) {
            return true;
        }
        let what = if set_user { "its set-user-ID bit" } else { "its file capabilities" };
        let lost = |layer, why: &str, help: &str, who| {
            Some(Verdict::new(layer, format!("{} runs without {what}: {why}", file.path), help, who))
        };
        let pending = if subject.no_new_privileges() {
            let help = "start it without: in a container no --security-opt no-new-privileges";
            lost(
                Layer::NoNewPrivileges,
                "no_new_privs is set, and no program gives new rights any more",
                help,
                Who::Admin,
            )
        } else if file.flags().contains(FsFlags::ST_NOSUID) {
            let why = format!("the mount at {} has the flag nosuid", file.mount(&subject).point);
            lost(Layer::MountNosuid, &why, "mount -o remount,bind,suid there", Who::Root)
        } else if set_user && !subject.maps_outside("uid_map", file.stat.st_uid) {
            lost(Layer::IdUnmapped, "its owner is nobody in this user namespace", "map the owner too", Who::Root)
        } else if self.may_watch_all {
            None
        } else {
            self.unseen = Some(file.path);
            return false;
        };
        self.members.entry(process).or_default().pending = pending;
        true
    }
}

impl Watcher for Watch {
    fn entered(&mut self, process: Pid, call: &Call) -> bool {
        let member = self.members.entry(process).or_default();
        member.last = Some(*call);
        member.pending = None;
        match call.name {
            Some("execve" | "execveat") => self.becomes(process, call),
            _ => true,
        }
    }

    fn returned(&mut self, process: Pid, call: &Call, answer: Result<i64, Errno>) {
        let member = self.members.entry(process).or_default();
        match (answer, call.name) {
            (Err(errno), _) => self.judge(process, call, errno),
            (Ok(_), Some("seccomp" | "prctl")) => member.past.filters.extend(filter::laid_by(process, call)),
            (Ok(_), Some("landlock_restrict_self")) => member.past.landlocked = true,
            (Ok(length), Some("recvmsg" | "recvfrom" | "read")) if length >= 20 => {
                let said = Subject::of(process).filter(|_| call.name != Some("read"));
                if let Some(errno) = said.and_then(|subject| network::netlink_errno(&subject, call, length)) {
                    self.judge(process, call, errno);
                }
            }
            _ => {}
        }
    }

    fn executed(&mut self, process: Pid) {
        let kills = Subject::of(process).map(|subject| limit::memory_kills(&subject)).unwrap_or_default();
        let there =
            self.only_inside.as_ref().map(|_| std::fs::read_link(format!("/proc/{}/ns/mnt", number(process))).ok());
        let inside = there.flatten().is_some_and(|there| self.only_inside.as_ref() != Some(&there));
        let member = self.members.entry(process).or_default();
        member.inside = inside;
        member.lost = member.pending.take();
        member.program = comm(process).unwrap_or_default();
        member.kills = kills;
        // The folders of the PATH that were tried before this one.
        self.refusals.retain(|one| one.process != process.as_raw() || !one.call.starts_with("execve("));
    }

    fn born(&mut self, parent: Pid, child: Pid) {
        let inherited = self.members.get(&parent).cloned().unwrap_or_default();
        self.members.insert(child, Member { last: None, pending: None, ..inherited });
    }

    fn ended(&mut self, process: Pid, how: Ended) {
        let Some(member) = self.members.remove(&process) else { return };
        if how != Ended::Exited(0) {
            self.failed.push(process.as_raw());
        }
        let silent = self.refusals.iter().all(|one| one.process != process.as_raw());
        let found = match how {
            Ended::Killed(libc::SIGSYS) => member.last.and_then(|call| {
                filter::kills(&member.past.filters, &call).or(Some(filter::verdict(&call, "ends whoever makes it")))
            }),
            Ended::Killed(libc::SIGKILL) => Some(&member.kills)
                .filter(|(before, group)| {
                    !group.is_empty() && crate::kernel::cgroup::oom_kills(group.as_ref()) > *before
                })
                .map(|(_, group)| limit::out_of_memory(group)),
            Ended::Killed(signal) => limit::by_signal(signal),
            Ended::Exited(0) => None,
            Ended::Exited(_) => member.lost.clone().filter(|_| silent),
        };
        if let Some(verdict) = found {
            self.members.insert(process, member.clone());
            let call = render::end(member.last.as_ref(), how);
            self.add(process, call, verdict);
            self.members.remove(&process);
        }
    }
}

fn comm(process: Pid) -> Option<String> {
    Some(std::fs::read_to_string(format!("/proc/{}/comm", number(process))).ok()?.trim_end().to_owned())
}

fn number(process: Pid) -> i32 {
    trace::number_in_proc(process).unwrap_or(0)
}
