//! Hooks: which run where, in which order, what they are told, and what one that fails does.

use crate::bundle::{Bundle, fails};
use crate::support::{HostState, is_root, require};
use serde_json::json;

const ROOT: &str = "needs root for a machine of its own";

/// A hook that writes a line into `told`: its name, the status that it was told, whether it sees the host's /etc.
fn hook(bundle: &Bundle, name: &str, path: &str) -> serde_json::Value {
    let told = bundle.folder.join("told");
    let script = format!(
        "read -r state; echo {name} $(echo \"$state\" | grep -o '\"status\":\"[a-z]*\"') \
         $(readlink /proc/self/ns/net) $X >>{}",
        told.display()
    );
    json!([{ "path": path, "args": ["sh", "-c", script], "env": ["PATH=/bin:/usr/bin", "X=y"] }])
}

#[test]
fn hooks_run_in_the_order_and_in_the_namespaces_of_the_specification() {
    require!("oci::hooks", is_root(), ROOT);
    let bundle = Bundle::new();
    bundle.script("true");
    let told = bundle.folder.join("told");
    std::fs::write(&told, "").unwrap();
    let sh = "/bin/sh";
    bundle.change(|config| {
        // startContainer runs inside: what it writes into is shown there.
        let inside = json!({ "destination": told, "type": "bind", "source": told, "options": ["bind"] });
        config["root"]["readonly"] = json!(false);
        config["mounts"].as_array_mut().unwrap().push(inside);
        for name in ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"] {
            config["hooks"][name] = hook(&bundle, name, sh);
        }
    });
    bundle.oci(["run", "c"]).run().status(0).stdout("").stderr("");
    let lines = std::fs::read_to_string(&told).unwrap();
    let words: Vec<Vec<&str>> = lines.lines().map(|line| line.split(' ').collect()).collect();
    let seen: Vec<(&str, &str)> = words.iter().map(|line| (line[0], line[1])).collect();
    let status = |word: &str| format!("\"status\":\"{word}\"");
    let expected = [
        ("prestart", status("creating")),
        ("createRuntime", status("creating")),
        ("createContainer", status("creating")),
        ("startContainer", status("created")),
        ("poststart", status("running")),
        ("poststop", status("stopped")),
    ];
    assert_eq!(seen, expected.each_ref().map(|(name, status)| (*name, status.as_str())), "{lines}");
    assert!(words.iter().all(|line| line[3..] == ["y"]), "each has its own environment\n{lines}");
    let network = |number: usize| words[number][2];
    assert!([1, 4, 5].iter().all(|&number| network(number) == network(0)), "the runtime's namespaces\n{lines}");
    assert!(network(2) == network(3) && network(2) != network(0), "the container's namespaces\n{lines}");
}

#[test]
fn a_hook_that_fails_ends_the_container_and_one_that_comes_too_late_does_not() {
    require!("oci::hooks_fail", is_root(), ROOT);
    let bundle = Bundle::new();
    bundle.script("echo it runs");
    let before = HostState::of(&bundle.learner);
    let failing = json!([{ "path": "/bin/sh", "args": ["sh", "-c", "echo no luck >&2; exit 3"] }]);
    for name in ["prestart", "createRuntime", "createContainer", "startContainer"] {
        bundle.change(|config| config["hooks"] = json!({ name: failing }));
        let told = bundle.oci(["run", "c"]).run();
        assert!(!told.out.contains("it runs"), "{}", told.shown());
        let list = if name == "prestart" { "createRuntime" } else { name };
        fails(
            told,
            &format!("cannot run hooks.{list}[0] (/bin/sh): it ended with exit status: 3, and said \\\"no luck\\\""),
        );
        before.assert_unchanged();
    }
    for name in ["poststart", "poststop"] {
        bundle.change(|config| config["hooks"] = json!({ name: failing }));
        bundle.oci(["run", "c"]).run().status(0).stdout("it runs\n");
    }
    let slow = json!([{ "path": "/bin/sh", "args": ["sh", "-c", "exec sleep 1000"], "timeout": 1 }]);
    bundle.change(|config| config["hooks"] = json!({ "createRuntime": slow }));
    fails(bundle.oci(["run", "c"]).run(), "it has not ended after 1 s");
    before.assert_unchanged();
}
