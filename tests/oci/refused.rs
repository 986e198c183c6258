//! What cannot be had is refused by its name, before anything is made.

use crate::bundle::{Bundle, fails};
use crate::support::{HostState, is_root, require};
use serde_json::{Value, json};

#[test]
fn what_we_do_not_have_is_refused_and_nothing_is_made() {
    require!("oci::refused", is_root(), "needs root for a machine of its own");
    let bundle = Bundle::new();
    let good = bundle.config();
    let before = HostState::of(&bundle.learner);
    let table: [(&str, Value, &str); 16] = [
        ("/process/apparmorProfile", json!("x"), "process.apparmorProfile: "),
        ("/process/selinuxLabel", json!("x"), "process.selinuxLabel: "),
        ("/process/scheduler", json!({ "policy": "SCHED_IDLE" }), "process.scheduler: "),
        ("/process/args", json!([]), "process.args: it is empty"),
        ("/process/cwd", json!("tmp"), "process.cwd: it must be absolute"),
        ("/process/terminal", json!(true), "process.terminal is true, and no --console-socket takes its master"),
        ("/linux/intelRdt", json!({ "closID": "x" }), "linux.intelRdt: "),
        ("/linux/timeOffsets", json!({ "boottime": { "secs": 1 } }), "linux.timeOffsets: "),
        ("/linux/rootfsPropagation", json!("shared"), "linux.rootfsPropagation: "),
        ("/linux/namespaces", json!([{ "type": "pid" }]), "linux.namespaces: without one of type mount"),
        ("/linux/namespaces", json!([{ "type": "mount" }, { "type": "user" }]), "linux.namespaces[1]: explore makes"),
        ("/linux/namespaces", json!([{ "type": "mount" }, { "type": "mount" }]), "a second one of type mount"),
        ("/linux/sysctl", json!({ "vm.swappiness": "1" }), "linux.sysctl.vm.swappiness: it is no setting"),
        ("/linux/resources/unified", json!({ "memory.high": "1" }), "linux.resources.unified.memory.high: "),
        ("/linux/seccomp", json!({ "defaultAction": "SCMP_ACT_NOTIFY" }), "linux.seccomp: the action SCMP_ACT_NOTIFY"),
        ("/root/path", json!("/nosuch"), "root.path: /nosuch is no folder"),
    ];
    for (pointer, value, text) in table {
        let mut config = good.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        config.pointer_mut(parent).unwrap()[name] = value;
        bundle.write(&config);
        fails(bundle.oci(["create", "c"]).run().stdout(""), text);
    }
    std::fs::write(bundle.folder.join("config.json"), "{").unwrap();
    fails(bundle.oci(["create", "c"]).run(), "config.json: the whole: EOF while parsing");
    std::fs::remove_file(bundle.folder.join("config.json")).unwrap();
    fails(bundle.oci(["create", "c"]).run(), "cannot read [HERE]/home/b/config.json: No such file or directory");
    bundle.write(&good);
    for (words, text) in [
        (&["--systemd-cgroup", "create", "c"][..], "--systemd-cgroup: explore makes cgroups by hand"),
        (&["create", "--no-pivot", "c"], "--no-pivot: without pivot_root(2)"),
        (&["create", "../c"], "invalid container ID"),
        (&["create", ".c"], "invalid container ID"),
        (&["kill", "c", "NOSUCH"], "invalid signal: NOSUCH"),
    ] {
        fails(bundle.oci(words.iter().copied()).run(), text);
    }
    before.assert_unchanged();
}
