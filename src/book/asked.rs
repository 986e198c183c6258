//! What the kernel was asked, folded away under what a block has printed: each call with its reason and a link to its manual
//! page.

use crate::lesson::catalog::Catalog;
use crate::lesson::recording::Recording;
use crate::lesson::run::Call;
use crate::lesson::words::{self, Word};
use std::fmt::Write as _;

/// Where the manual pages of Linux are, by those who write them.
const MANUAL: &str = "https://man7.org/linux/man-pages/man2";

/// The calls of `block` on each machine, those of the first shown; of the making of the place where it is none. Nothing where
/// no machine has any. It is HTML: reasons and arguments are no Markdown.
pub(super) fn unfolding(block: Option<&str>, recordings: &[Recording], catalog: &Catalog) -> String {
    let title = if block.is_some() { words::ASKED } else { words::ASKED_FOR_PLACE };
    let mut answers: Vec<(&Recording, Vec<&str>)> = Vec::new();
    for recording in recordings {
        match answers.iter_mut().find(|(first, _)| !first.asks_otherwise(block, recording)) {
            Some((_, keys)) => keys.push(&recording.key),
            None => answers.push((recording, vec![&recording.key])),
        }
    }
    if answers.iter().all(|(recording, _)| recording.asked(block).is_none_or(<[Call]>::is_empty)) {
        return String::new();
    }
    let say = |word: Word, name: &str, value: &str| escape(&catalog.say(word, &[(name, value)]));
    let list =
        |recording: &Recording| recording.asked(block).map_or_else(|| not_heard(catalog), |calls| told(calls, catalog));
    let mut text =
        format!("\n\n<details class=\"asked\"><summary>{}</summary>\n<div class=\"told\">\n", say(title, "", ""));
    for (number, (recording, keys)) in answers.iter().enumerate() {
        let list = list(recording);
        let _ = if number == 0 {
            write!(text, "{list}")
        } else {
            let title = say(words::ON_ANOTHER, "key", &keys.join(", "));
            write!(text, "<details data-keys=\"{}\"><summary>{title}</summary>\n{list}</details>\n", keys.join(" "))
        };
    }
    // The empty line ends the HTML: a title may follow.
    text + "</div>\n</details>\n\n"
}

fn not_heard(catalog: &Catalog) -> String {
    format!("<p>{}</p>\n", escape(&catalog.say(words::NOT_RECORDED, &[])))
}

fn told(calls: &[Call], catalog: &Catalog) -> String {
    let all: i64 = calls.iter().map(|call| 1 + call.more).sum();
    let mut text = format!("<p>{}</p>\n<ul>\n", escape(&catalog.say(words::CALLS, &[("calls", &all.to_string())])));
    for call in calls {
        let _ = writeln!(text, "<li>{}</li>", one(call, catalog));
    }
    text + "</ul>\n"
}

fn one(call: &Call, catalog: &Catalog) -> String {
    let answer = match &call.errno {
        Some(errno) => format!(" = -1 {errno}"),
        // It has not come back: it works.
        None if call.call.starts_with("execve") => String::new(),
        None => format!(" = {}", call.answer),
    };
    let (who, name, rest) = (&call.who, &call.call, escape(&format!("({}){answer}", call.args)));
    let times = if call.more > 0 { format!(" ×{}", 1 + call.more) } else { String::new() };
    let why = escape(&catalog.sentence(&call.why));
    format!("<code>[{who}] <a href=\"{}\">{name}</a>{rest}</code>{times}<br>{why}", manual(name))
}

/// A call's manual page has its name.
fn manual(call: &str) -> String {
    format!("{MANUAL}/{call}.2.html")
}

/// As text in HTML, whatever is in it.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::seccomp::name_of;
    use crate::lesson::catalog::Language;
    use crate::lesson::recording::{self, Machine};
    use crate::lesson::run::Event;
    use std::collections::BTreeSet;
    use std::path::Path;

    fn call(name: &str, args: &str) -> Call {
        let text = |text: &str| text.to_owned();
        Call {
            who: text("init"),
            call: text(name),
            args: text(args),
            answer: 0,
            errno: None,
            why: text("a <why>"),
            more: 0,
        }
    }

    /// One that has heard these calls in the block `a`; without any it is older than that.
    fn recorded(key: &str, calls: Option<Vec<Call>>) -> Recording {
        let machine = Machine { node: "vm".into(), release: "6.18.44".into(), version: "#1 SMP".into() };
        let heard = calls.map(|calls| {
            [Event::Asked { block: None, calls: vec![] }, Event::Asked { block: Some("a".into()), calls }]
        });
        let events = heard.into_iter().flatten().collect();
        Recording { schema: 1, key: key.into(), lesson: "l".into(), hash: "h".into(), machine, events }
    }

    fn shown(recordings: &[Recording]) -> String {
        unfolding(Some("a"), recordings, &Catalog::of(Language::English))
    }

    #[test]
    fn a_call_has_its_reason_its_answer_and_a_link_to_its_manual_page() {
        let text = shown(&[recorded("k", Some(vec![call("mount", "\"a&b\", <c>"), call("execve", "\"/bin/sh\"")]))]);
        let wanted = "<li><code>[init] <a href=\"https://man7.org/linux/man-pages/man2/mount.2.html\">mount</a>\
            (&quot;a&amp;b&quot;, &lt;c&gt;) = 0</code><br>a &lt;why&gt;</li>";
        assert!(text.contains(wanted), "{text}");
        assert!(text.contains("execve</a>(&quot;/bin/sh&quot;)</code>"), "{text}");
        assert!(text.ends_with("\n\n") && !text.trim().contains("\n\n"), "an empty line would end the HTML: {text}");
    }

    #[test]
    fn another_machine_is_there_where_it_was_asked_something_else_and_numbers_are_no_difference() {
        let one = recorded("one", Some(vec![call("setns", "7, CLONE_NEWNET")]));
        let same = recorded("same", Some(vec![call("setns", "9, CLONE_NEWNET")]));
        let other = recorded("other", Some(vec![call("setns", "7, CLONE_NEWUTS")]));
        let text = shown(&[one.clone(), same.clone(), other, recorded("older", None)]);
        assert!(
            text.contains("<details data-keys=\"other\">") && text.contains("<details data-keys=\"older\">"),
            "{text}"
        );
        assert!(text.contains("not recorded") && !text.contains("data-keys=\"same\""), "{text}");
        assert!(!shown(&[one, same]).contains("data-keys"));
    }

    #[test]
    fn where_nothing_was_asked_nothing_is_folded() {
        assert_eq!(shown(&[recorded("one", Some(vec![])), recorded("older", None)]), "");
        assert_eq!(shown(&[]), "");
    }

    /// A name that is no system call has no page in section 2.
    #[test]
    fn every_call_that_was_recorded_is_a_system_call() {
        let known: BTreeSet<&str> = (0..1024).filter_map(name_of).collect();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("book/recordings");
        let folders = std::fs::read_dir(root).unwrap().map(|key| key.unwrap().path()).filter(|path| path.is_dir());
        let mut found = BTreeSet::new();
        for file in folders.flat_map(|folder| std::fs::read_dir(folder).unwrap()) {
            let recording = recording::read(&file.unwrap().path()).unwrap();
            for event in &recording.events {
                let Event::Asked { calls, .. } = event else { continue };
                found.extend(calls.iter().map(|call| call.call.clone()));
            }
        }
        let strange: Vec<_> = found.iter().filter(|name| !known.contains(name.as_str())).collect();
        assert!(strange.is_empty(), "{strange:?}");
        assert!(["clone3", "mount", "pivot_root", "execve"].iter().all(|name| found.contains(*name)), "{found:?}");
    }
}
