//! An event as a line: for a person as strace would write it, for a program as JSON.

use super::event::{Heard, Phase};
use nix::errno::Errno;
use serde_json::json;

/// The event as a person reads it; `None` for the half of a pair that says nothing new.
///
/// A call that returns is told once, when it has answered. `execve(2)` does not return when it works, so it is told
/// when it is asked, and once more only if it failed.
pub fn text_line(heard: &Heard) -> Option<String> {
    let asked_only = heard.phase == Phase::Enter;
    if asked_only && !heard.call.starts_with("execve") {
        return None;
    }
    let answer = match (asked_only, heard.errno) {
        (true, _) => String::new(),
        (false, 0) => format!(" = {}", heard.answer),
        (false, errno) => format!(" = -1 {}", errno_text(errno)),
    };
    let why = if heard.why.is_empty() { String::new() } else { format!("  # {}", heard.why) };
    Some(format!("[{} {}] {}({}){answer}{why}", heard.role.name(), heard.pid, heard.call, heard.args))
}

/// The event as one line of JSON: `phase` enter|exit, `role`, `pid`, `call`, `args`, `why`, `answer`, `errno` (a
/// name such as EPERM, or null), `micros` (a counter of 32 bits).
pub fn json_line(heard: &Heard) -> String {
    let errno = (heard.errno != 0).then(|| format!("{:?}", Errno::from_raw(heard.errno)));
    json!({
        "schema": 1,
        "phase": if heard.phase == Phase::Enter { "enter" } else { "exit" },
        "role": heard.role.name(),
        "pid": heard.pid,
        "call": heard.call,
        "args": heard.args,
        "why": heard.why,
        "answer": heard.answer,
        "errno": errno,
        "micros": heard.micros,
    })
    .to_string()
}

/// `EPERM (Operation not permitted)`, as strace prints it.
pub(crate) fn errno_text(errno: i32) -> String {
    let errno = Errno::from_raw(errno);
    format!("{errno:?} ({})", errno.desc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::narrate::Role;

    fn heard(phase: Phase, call: &str, errno: i32) -> Heard {
        Heard {
            pid: 42,
            phase,
            role: Role::Init,
            call: call.into(),
            args: "\"box\", 3".into(),
            why: "its own host name".into(),
            answer: if errno == 0 { 0 } else { -1 },
            errno,
            micros: 0,
        }
    }

    #[test]
    fn a_call_is_told_once_when_it_has_answered() {
        assert_eq!(text_line(&heard(Phase::Enter, "sethostname", 0)), None);
        assert_eq!(
            text_line(&heard(Phase::Exit, "sethostname", 1)).unwrap(),
            "[init 42] sethostname(\"box\", 3) = -1 EPERM (Operation not permitted)  # its own host name"
        );
    }

    #[test]
    fn execve_is_told_when_asked_because_it_does_not_return() {
        assert!(text_line(&heard(Phase::Enter, "execve", 0)).unwrap().contains("execve("));
    }

    #[test]
    fn json_names_the_error() {
        let line: serde_json::Value = serde_json::from_str(&json_line(&heard(Phase::Exit, "mount", 1))).unwrap();
        assert_eq!((line["errno"].as_str(), line["phase"].as_str()), (Some("EPERM"), Some("exit")));
    }
}
