//! What the kernel was asked while a lesson is recorded: every `explore` that is typed in it tells its calls into a file, and
//! so does the lesson itself while it makes its place. After each block they are collected from there.

use crate::kernel;
use crate::narrate;
use crate::stages::narrator;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

/// Names the file to whose end each `explore` writes what it asks, as lines of JSON. A file that is not there is not made.
pub const NARRATE_TO: &str = "EXPLORE_NARRATE_TO";

/// How many of the last calls of a process one more of the same may stand behind: a mount by descriptor takes three calls, and
/// many of them in a row are three lines.
const NEAR: usize = 4;

/// Longer arguments are cut: a page shows them, and who needs all of one asks `--narrate`.
const LONGEST: usize = 240;

/// One system call, or several of one process that differ in nothing but their arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The process, by its part in the story.
    pub who: String,
    /// Name of the system call.
    pub call: String,
    /// Arguments of the first, as strace would print them; state folder and IDs are shortened.
    pub args: String,
    /// What the first has answered.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub answer: i64,
    /// Why it failed: the name of the error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno: Option<String>,
    /// Why it was made.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// How many more of them followed.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub more: i64,
}

// serde hands over a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_nothing(number: &i64) -> bool {
    *number == 0
}

/// One line of `--narrate --json`.
#[derive(Debug, Clone, Deserialize)]
struct Line {
    phase: String,
    role: String,
    pid: i32,
    call: String,
    args: String,
    why: String,
    answer: i64,
    errno: Option<String>,
}

/// Hears what is told in one scene.
#[derive(Debug)]
pub(super) struct Ear {
    file: File,
    path: PathBuf,
    /// How far it has been read.
    read: u64,
    /// What is written in place of what: the lesson's own folder, this program.
    names: [(String, &'static str); 2],
}

impl Ear {
    /// In the lesson's own folder.
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        let path = folder.join("asked");
        let file = File::options().read(true).append(true).create_new(true).open(&path)?;
        let program = std::env::current_exe()?.display().to_string();
        Ok(Self { file, path, read: 0, names: [(folder.display().to_string(), "…"), (program, "explore")] })
    }

    /// For the environment of those who are to tell.
    pub(super) fn variable(&self) -> (String, String) {
        (NARRATE_TO.to_owned(), self.path.display().to_string())
    }

    /// Does `work` and has it told what this process asks meanwhile.
    pub(super) fn during<T, E: From<kernel::Error>>(&self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let mut file = &self.file;
        let narrator = narrator::start(Some(self.file.as_raw_fd()), |heard| {
            file.write_all(format!("{}\n", narrate::json_line(heard)).as_bytes())
        })?;
        let result = work();
        narrator.finish();
        result
    }

    /// What has been told since the last time. Each command waits for its own telling before it ends.
    pub(super) fn hear(&mut self) -> io::Result<Vec<Call>> {
        let mut text = String::new();
        // Not where the file stands: a process that we fork shares that, and it writes.
        self.file.seek(SeekFrom::Start(self.read))?;
        self.file.read_to_string(&mut text)?;
        // Who is still at it may be in the middle of a line.
        text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
        self.read += text.len() as u64;
        Ok(fold(text.lines().filter_map(|line| serde_json::from_str(line).ok()).map(|line| self.shortened(line))))
    }

    fn shortened(&self, mut line: Line) -> Line {
        for (long, short) in &self.names {
            line.args = line.args.replace(long.as_str(), short);
        }
        line.args = cut(&without_ids(&line.args));
        line
    }
}

/// The first twelve of the sixty-four digits of an ID or a digest, as docker shows them.
fn without_ids(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let hex = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_hexdigit()).len();
        let other = rest.find(|c: char| c.is_ascii_hexdigit()).unwrap_or(rest.len());
        let taken = hex.max(other);
        out.push_str(if hex == 64 { &rest[..12] } else { &rest[..taken] });
        rest = &rest[taken..];
    }
    out
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Each call once, when it has answered, and what is repeated in one line. execve(2) does not come back when it works: it is
/// there from when it was asked.
fn fold(lines: impl Iterator<Item = Line>) -> Vec<Call> {
    let mut calls: Vec<(i32, Call)> = Vec::new();
    for line in lines {
        let replaces = line.call.starts_with("execve");
        if replaces && line.phase == "exit" {
            let asked =
                |(pid, call): &(i32, Call)| *pid == line.pid && call.call == line.call && call.args == line.args;
            if let Some(at) = calls.iter().rposition(asked) {
                calls.remove(at);
            }
        } else if !replaces && line.phase == "enter" {
            continue;
        }
        add(&mut calls, line);
    }
    calls.into_iter().map(|(_, call)| call).collect()
}

fn add(calls: &mut Vec<(i32, Call)>, line: Line) {
    let is_same = |call: &Call| {
        (&call.call, &call.why, &call.errno) == (&line.call, &line.why, &line.errno) && call.who == line.role
    };
    let mut near = calls.iter_mut().rev().filter(|(pid, _)| *pid == line.pid).take(NEAR);
    if let Some((_, call)) = near.find(|(_, call)| is_same(call)) {
        call.more += 1;
        return;
    }
    let Line { role: who, pid, call, args, why, answer, errno, .. } = line;
    calls.push((pid, Call { who, call, args, answer, errno, why, more: 0 }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(phase: &str, call: &str, args: &str, errno: Option<&str>) -> Line {
        let text = |text: &str| text.to_owned();
        let (role, why) = (text("init"), format!("why {call}"));
        Line {
            phase: text(phase),
            role,
            pid: 7,
            call: text(call),
            args: text(args),
            why,
            answer: 0,
            errno: errno.map(text),
        }
    }

    #[test]
    fn what_is_repeated_is_one_line_and_a_mount_of_three_calls_is_three() {
        let one = ["open_tree", "mount_setattr", "move_mount"];
        let told =
            (0..3).flat_map(|_| one).flat_map(|call| [line("enter", call, "", None), line("exit", call, "", None)]);
        let calls = fold(told);
        assert_eq!(calls.iter().map(|call| (&*call.call, call.more)).collect::<Vec<_>>(), one.map(|call| (call, 2)));
    }

    #[test]
    fn a_program_that_is_not_there_was_asked_for_once_and_the_one_that_is_has_no_answer() {
        let told = ["/sbin/a", "/bin/a"]
            .iter()
            .flat_map(|path| [line("enter", "execve", path, None), line("exit", "execve", path, Some("ENOENT"))]);
        let calls = fold(told.chain([line("enter", "execve", "/usr/bin/a", None)]));
        let told: Vec<_> = calls.iter().map(|call| (&*call.args, call.errno.as_deref(), call.more)).collect();
        assert_eq!(told, [("/sbin/a", Some("ENOENT"), 1), ("/usr/bin/a", None, 0)]);
    }

    #[test]
    fn an_id_is_shown_as_docker_shows_it_and_nothing_else_is_cut() {
        let id = "5d00e617626adf03864220d09aad7a63ccc5c22fad2e5a70ee1ea25af1f06dbc";
        assert_eq!(without_ids(&format!("/data/containers/{id}/rootfs")), "/data/containers/5d00e617626a/rootfs");
        assert_eq!(without_ids("02:42:ac:1e:4a:02, 0xa80425fb"), "02:42:ac:1e:4a:02, 0xa80425fb");
        assert_eq!(cut(&"é".repeat(300)).chars().count(), LONGEST + 1);
    }
}
