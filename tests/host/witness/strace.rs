//! The side that sees: what strace(1) wrote, a file for each process.

use super::{Call, Story, WATCHED, words};
use std::path::Path;

/// Files whose writing isolates or limits: user_namespaces(7), cgroups(7).
const WATCHED_FILES: [&str; 4] = ["uid_map", "gid_map", "setgroups", "timens_offsets"];

/// `prctl` operations that only look, only name, or only take back what the caller's shell had.
const HARMLESS: [&str; 9] = [
    "PR_SET_NAME",
    "PR_GET_NAME",
    "PR_CAPBSET_READ",
    "PR_SET_VMA",
    "PR_GET_DUMPABLE",
    "PR_GET_NO_NEW_PRIVS",
    "PR_GET_SECCOMP",
    "PR_SET_TIMERSLACK",
    "PR_SET_THP_DISABLE",
];

/// Netlink messages that only ask: RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE, and those of nf_tables.
const QUESTIONS: [&str; 7] = ["0x12", "0x16", "0x1a", "0xa01", "0xa04", "0xa07", "0xa10"];

/// The calls in the files `t.PID` of `folder`, by process, without the process that narrates. `here` is the learner's
/// folder, which an [`super::Output`] calls `[HERE]`.
pub(super) fn story(folder: &Path, here: &str) -> Story {
    let mut story = Story::new();
    for file in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let pid = file.path().extension().unwrap().to_str().unwrap().parse().unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap().replace(here, "[HERE]");
        let calls = calls(&text);
        if !calls.is_empty() {
            story.insert(pid, calls);
        }
    }
    forget_the_narrator(&mut story);
    story
}

/// The command's first fork is the process that narrates, which exists before anything is told.
fn forget_the_narrator(story: &mut Story) {
    let Some(mut first) = story.first_entry() else { return };
    if first.get()[0].name == "clone" {
        let narrator = first.get_mut().remove(0).answer;
        story.remove(&narrator.parse().unwrap());
    }
}

/// Up to the first program that is not ours.
fn calls(text: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    for line in text.lines() {
        let Some((name, rest)) = line.split_once('(') else { continue };
        let Some((arguments, answer)) = rest.rsplit_once(") = ") else { continue };
        let failed = answer.starts_with('-');
        if name.starts_with("execve") {
            if !failed && !is_ours(arguments) {
                break;
            }
            continue;
        }
        if let Some(words) = watched(name, arguments) {
            let name = if name == "fork" || name == "vfork" { "clone" } else { name };
            let answer = if name.starts_with("send") { String::new() } else { short(answer) };
            calls.push(Call { name: name.to_owned(), words, answer });
        }
    }
    calls
}

/// By its path, or, where a descriptor is executed, by the name that it gives itself.
fn is_ours(arguments: &str) -> bool {
    let path = arguments.split('"').nth(1).unwrap_or_default();
    path.ends_with("/explore") || (path.is_empty() && arguments.contains("[\"explore\", "))
}

/// The words of a call that both sides must tell; `None` for one that isolates nothing.
fn watched(name: &str, arguments: &str) -> Option<Vec<String>> {
    match name {
        // A thread, or the C library's own way to start a program (posix_spawn(3)), isolates nothing.
        "clone" if arguments.contains("CLONE_THREAD") => None,
        "clone3" if arguments.contains("CLONE_VM") => None,
        "clone" | "clone3" | "vfork" | "fork" => Some(namespaces_of(arguments)),
        "prctl" if HARMLESS.iter().any(|harmless| arguments.starts_with(harmless)) => None,
        // What is told goes through a socket too, and speaks of messages.
        "sendto" | "sendmsg" if arguments.contains("<UNIX") => None,
        "sendto" | "sendmsg" => message_types(arguments),
        "write" => {
            let path = arguments.split_once('<')?.1.split_once('>')?.0;
            file_name(path).map(|name| vec![name])
        }
        _ => WATCHED.contains(&name).then(|| words(&without_descriptors(arguments))),
    }
}

/// The name of a file that isolates or limits; `None` for any other.
pub(super) fn file_name(path: &str) -> Option<String> {
    let name = path.rsplit('/').next()?;
    let watched = WATCHED_FILES.contains(&name) || path.contains("/cgroup/") || name.starts_with("cgroup.");
    watched.then(|| name.to_owned())
}

/// The CLONE_NEW* flags of a clone, sorted.
pub(super) fn namespaces_of(arguments: &str) -> Vec<String> {
    words(arguments).into_iter().filter(|word| word.starts_with("CLONE_NEW")).collect()
}

/// The types of the netlink messages in one send, in order: by number, since strace knows only some names. `None` where
/// there is none that changes anything.
pub(super) fn message_types(arguments: &str) -> Option<Vec<String>> {
    let word = |rest: &str| type_number(rest.split([',', ' ', '}']).next().unwrap_or_default());
    let types: Vec<String> = arguments.split("nlmsg_type=").skip(1).map(word).collect();
    types.iter().any(|kind| !QUESTIONS.contains(&kind.as_str())).then_some(types)
}

fn type_number(word: &str) -> String {
    let known = [
        ("RTM_NEWLINK", 0x10),
        ("RTM_DELLINK", 0x11),
        ("RTM_GETLINK", 0x12),
        ("RTM_SETLINK", 0x13),
        ("RTM_NEWADDR", 0x14),
        ("RTM_DELADDR", 0x15),
        ("RTM_GETADDR", 0x16),
        ("RTM_NEWROUTE", 0x18),
        ("RTM_DELROUTE", 0x19),
        ("RTM_GETROUTE", 0x1a),
        ("NFNL_SUBSYS_NFTABLES<<8|NFT_MSG_NEWTABLE", 0xa00),
        ("NFNL_SUBSYS_NFTABLES<<8|NFT_MSG_GETTABLE", 0xa01),
        ("NFNL_SUBSYS_NFTABLES<<8|NFT_MSG_DELTABLE", 0xa02),
        ("NFNL_SUBSYS_NFTABLES<<8|NFT_MSG_NEWCHAIN", 0xa03),
        ("NFNL_SUBSYS_NFTABLES<<8|NFT_MSG_GETCHAIN", 0xa04),
        ("NFNL_SUBSYS_NFTABLES<<8|NFT_MSG_NEWRULE", 0xa06),
        ("NFNL_MSG_BATCH_BEGIN", 0x10),
        ("NFNL_MSG_BATCH_END", 0x11),
    ];
    let by_name = known.iter().find(|(name, _)| *name == word).map(|(_, number)| *number);
    let by_number = || u32::from_str_radix(word.strip_prefix("0x")?, 16).ok();
    by_name.or_else(by_number).map_or_else(|| word.to_owned(), |number| format!("{number:#x}"))
}

/// `-yy` says what each descriptor is, in angle brackets; the words in there are not the call's.
fn without_descriptors(arguments: &str) -> String {
    let mut depth = 0;
    let mut kept = String::new();
    for character in arguments.chars() {
        match character {
            '<' => depth += 1,
            '>' if depth > 0 => depth -= 1,
            _ if depth == 0 => kept.push(character),
            _ => {}
        }
    }
    kept
}

/// The number, or the name of the error.
fn short(answer: &str) -> String {
    match answer.strip_prefix("-1 ") {
        Some(error) => error.split(' ').next().unwrap().to_owned(),
        None => answer.split(['<', ' ', '(']).next().unwrap().to_owned(),
    }
}
