//! The side that tells: the events of `--narrate --json`.

use super::{Call, Story, WATCHED, words};
use serde_json::Value;

/// The calls that the events tell, by process.
pub(super) fn story(events: &[Value]) -> Story {
    let mut story = Story::new();
    for event in events.iter().filter(|event| event["phase"] == "exit") {
        let pid = i32::try_from(event["pid"].as_i64().unwrap()).unwrap();
        if let Some(call) = call(event) {
            story.entry(pid).or_default().push(call);
        }
    }
    story
}

fn call(event: &Value) -> Option<Call> {
    let (name, arguments) = (event["call"].as_str().unwrap(), event["args"].as_str().unwrap());
    let answer = event["errno"].as_str().map_or_else(|| event["answer"].to_string(), str::to_owned);
    let words = match name {
        // A fork is a clone without namespaces, whichever call the C library makes of it.
        "fork" | "vfork" | "clone" | "clone3" => super::strace::namespaces_of(arguments),
        "write" => vec![super::strace::file_name(arguments.split('"').nth(1)?)?],
        "sendto" | "sendmsg" => super::strace::message_types(arguments)?,
        _ if WATCHED.contains(&name) => words(arguments),
        _ => return None,
    };
    // The kernel's answer to a netlink message comes later; that it was sent is all that both sides can say.
    let answer = if name.starts_with("send") { String::new() } else { answer };
    let name = if name == "fork" || name == "vfork" { "clone" } else { name };
    Some(Call { name: name.to_owned(), words, answer })
}
