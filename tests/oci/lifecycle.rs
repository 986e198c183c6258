//! From `create` to `delete`, as the specification has it (runtime.md, "Lifecycle").

use crate::bundle::{Bundle, fails};
use crate::support::{HostState, eventually, is_root, require};
use serde_json::json;

const ROOT: &str = "needs root for a machine of its own";

#[test]
fn a_container_is_created_started_held_ended_and_deleted() {
    require!("oci::lifecycle", is_root(), ROOT);
    let bundle = Bundle::new();
    let before = HostState::of(&bundle.learner);
    bundle.change(|config| {
        config["process"]["args"] = json!(["sleep", "1000"]);
        config["annotations"] = json!({ "org.example": "yes" });
    });
    bundle.oci(["create", "--pid-file", "pid", "c"]).quiet().run().status(0);
    let state = bundle.oci(["state", "c"]).run().status(0).json();
    assert_eq!((&state["status"], &state["id"]), (&json!("created"), &json!("c")));
    assert_eq!(state["annotations"], json!({ "org.example": "yes" }));
    assert_eq!(state["pid"].to_string(), std::fs::read_to_string(bundle.folder.join("pid")).unwrap());
    fails(bundle.oci(["create", "c"]).run(), "container with given ID already exists: c");
    bundle.oci(["start", "c"]).run().status(0).stdout("").stderr("");
    assert_eq!(bundle.status_of("c"), "running");
    fails(bundle.oci(["start", "c"]).run(), "cannot start container c: it is running");
    fails(bundle.oci(["delete", "c"]).run(), "cannot delete container c: it is running");
    bundle.oci(["pause", "c"]).run().status(0);
    assert_eq!(bundle.status_of("c"), "paused");
    fails(bundle.oci(["exec", "c", "true"]).run(), "cannot exec in container c: it is paused");
    bundle.oci(["resume", "c"]).run().status(0);
    fails(bundle.oci(["resume", "c"]).run(), "cannot resume container c: it is running");
    assert_eq!(bundle.oci(["ps", "--format", "json", "c"]).run().status(0).json(), json!([state["pid"]]));
    bundle.oci(["list"]).run().status(0).stdout_has("running");
    bundle.oci(["list", "-q"]).run().status(0).stdout("c\n");
    bundle.oci(["kill", "c", "KILL"]).run().status(0).stdout("").stderr("");
    eventually("it has ended", || bundle.status_of("c") == "stopped");
    assert_eq!(bundle.oci(["state", "c"]).run().json()["pid"], json!(0));
    // containerd looks for these words.
    fails(bundle.oci(["kill", "c"]).run(), "container not running");
    bundle.oci(["delete", "c"]).run().status(0).stdout("").stderr("");
    fails(bundle.oci(["state", "c"]).run(), "container c does not exist");
    fails(bundle.oci(["delete", "c"]).run(), "container c does not exist");
    bundle.oci(["delete", "--force", "c"]).run().status(0).stderr("");
    std::fs::remove_file(bundle.folder.join("pid")).unwrap();
    before.assert_unchanged();
}

#[test]
fn one_that_was_never_started_is_deleted_without_force() {
    require!("oci::never_started", is_root(), ROOT);
    let bundle = Bundle::new();
    let before = HostState::of(&bundle.learner);
    bundle.script("echo must not be said");
    bundle.oci(["create", "c"]).quiet().run().status(0);
    bundle.oci(["delete", "c"]).run().status(0).stdout("").stderr("");
    before.assert_unchanged();
}

#[test]
fn run_answers_as_its_program_does_and_leaves_nothing() {
    require!("oci::run", is_root(), ROOT);
    let bundle = Bundle::new();
    let before = HostState::of(&bundle.learner);
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$; kill -KILL $$; exit 3", 3)] {
        bundle.script(script);
        bundle.oci(["run", "c"]).run().status(code).stdout("").stderr("");
    }
    bundle.change(|config| config["process"]["args"] = json!(["/nosuch"]));
    let told = fails(bundle.oci(["run", "c"]).run(), "exec: \\\"/nosuch\\\": no such file or directory: execve(");
    assert!(told.err.contains("\nhint: /nosuch is not in it"), "{}", told.shown());
    bundle.change(|config| config["process"]["args"] = json!(["nosuch"]));
    fails(bundle.oci(["run", "c"]).run(), "executable file not found in $PATH");
    bundle.change(|config| config["process"]["args"] = json!(["/etc"]));
    fails(bundle.oci(["run", "c"]).run(), "exec: \\\"/etc\\\": permission denied");
    before.assert_unchanged();
}

#[test]
fn a_program_that_cannot_run_is_told_by_start() {
    require!("oci::not_executable", is_root(), ROOT);
    let bundle = Bundle::new();
    bundle.change(|config| {
        config["root"]["readonly"] = json!(false);
        config["process"]["args"] = json!(["/broken"]);
    });
    bundle.put("broken", "\x7fELF and nothing");
    // It is there and may be run, and that is all that `create` can see.
    bundle.oci(["create", "c"]).quiet().run().status(0);
    fails(bundle.oci(["start", "c"]).run(), "exec: \\\"/broken\\\": exec format error");
    eventually("it has ended", || bundle.status_of("c") == "stopped");
    bundle.oci(["delete", "c"]).run().status(0);
}

#[test]
fn an_error_goes_to_the_log_as_its_caller_reads_it() {
    require!("oci::log", is_root(), ROOT);
    let bundle = Bundle::new();
    let words = ["--log", "log.json", "--log-format", "json", "start", "nosuch"];
    bundle.oci(words).run().status(1).stdout("").stderr("container nosuch does not exist\n");
    let line = std::fs::read_to_string(bundle.folder.join("log.json")).unwrap();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["level"], &line["msg"]), (&json!("error"), &json!("container nosuch does not exist")));
}

#[test]
fn kill_all_reaches_those_who_outlive_their_first() {
    require!("oci::kill_all", is_root(), ROOT);
    let bundle = Bundle::new();
    bundle.change(|config| {
        let kinds = config["linux"]["namespaces"].as_array_mut().unwrap();
        kinds.retain(|kind| kind["type"] != "pid");
    });
    bundle.script("sleep 1000 & sleep 1000 & exit 0");
    bundle.oci(["create", "c"]).quiet().run().status(0);
    bundle.oci(["start", "c"]).run().status(0);
    eventually("the first has ended", || bundle.status_of("c") == "stopped");
    let left = || bundle.oci(["ps", "--format", "json", "c"]).run().json().as_array().unwrap().len();
    assert_eq!(left(), 2, "without a PID namespace the others live on");
    fails(bundle.oci(["kill", "c", "KILL"]).run(), "container not running");
    bundle.oci(["kill", "--all", "c", "KILL"]).run().status(0);
    eventually("all have ended", || left() == 0);
    bundle.oci(["delete", "c"]).run().status(0);
}

#[test]
fn exec_joins_with_rights_of_its_own() {
    require!("oci::exec", is_root(), ROOT);
    let bundle = Bundle::new();
    bundle.sleeper("c");
    bundle.oci(["exec", "c", "sh", "-c", "echo $$; hostname; exit 9"]).run().status(9).stdout_has("explore\n");
    fails(bundle.oci(["exec", "c", "nosuch"]).run(), "executable file not found in $PATH");
    let process = json!({
        "user": { "uid": 1000, "gid": 1000, "umask": 63, "additionalGids": [7] },
        "args": ["sh", "-c", "id -u; id -g; id -G; umask; pwd; echo $X; grep -E '^(CapBnd|CapAmb|CapEff|NoNew)' /proc/self/status; ulimit -n"],
        "env": ["PATH=/bin:/usr/bin", "X=y"],
        "cwd": "/etc",
        "capabilities": {
            "bounding": ["CAP_CHOWN", "CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"],
            "inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"],
        },
        "rlimits": [{ "type": "RLIMIT_NOFILE", "hard": 77, "soft": 66 }],
    });
    std::fs::write(bundle.folder.join("process"), process.to_string()).unwrap();
    let told = bundle.oci(["exec", "--process", "process", "c"]).run().status(0);
    let expected = "1000\n1000\n1000 7\n0077\n/etc\ny\nCapEff:\t0000000000000020\n\
        CapBnd:\t0000000000000021\nCapAmb:\t0000000000000020\nNoNewPrivs:\t0\n66\n";
    assert_eq!(told.out, expected, "{}", told.shown());
    bundle.oci(["delete", "--force", "c"]).run().status(0);
}

#[test]
fn limits_change_while_it_runs() {
    require!("oci::update", is_root(), ROOT);
    let bundle = Bundle::new();
    bundle.change(|config| config["linux"]["resources"]["pids"] = json!({ "limit": 50 }));
    bundle.sleeper("c");
    let group = |file: &str| {
        let groups = crate::support::cgroups_of(&bundle.learner.tag());
        let of_container = groups.iter().filter(|group| group.ends_with("/c"));
        let found = of_container.map(|group| std::path::Path::new(group).join(file)).find(|path| path.exists());
        std::fs::read_to_string(found.unwrap()).unwrap()
    };
    assert_eq!(group("pids.max"), "50\n");
    // As docker writes it: what is 0 was not asked.
    let resources =
        r#"{"pids": {"limit": 60}, "cpu": {"shares": 0}, "memory": {"limit": 0, "disableOOMKiller": false}}"#;
    bundle.oci(["update", "--resources", "-", "c"]).stdin(resources).run().status(0).stdout("").stderr("");
    assert_eq!(group("pids.max"), "60\n");
    let told = bundle.oci(["update", "--resources", "-", "c"]).stdin(r#"{"rdma": {"a": {"hcaHandles": 1}}}"#).run();
    fails(told, "config.json: linux.resources.rdma: explore has no limit for RDMA");
    bundle.oci(["delete", "--force", "c"]).run().status(0);
}

#[test]
fn descriptors_are_passed_on_by_number_and_no_others() {
    require!("oci::preserve_fds", is_root(), ROOT);
    let bundle = Bundle::new();
    bundle.script("cat <&3; ls /proc/self/fd | tr '\\n' ' '");
    let typed = "exec 3</etc/hostname 4</etc/passwd; exec \"$EXPLORE\" oci run --preserve-fds 1 c";
    let told = bundle.learner.program("sh", ["-c", typed]).folder(&bundle.folder).run().status(0);
    let hostname = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    // 4 here is the folder that ls(1) itself has open.
    assert_eq!(told.out, format!("{hostname}0 1 2 3 4 "), "{}", told.shown());
    let told = bundle.oci(["run", "--preserve-fds", "9", "c"]).run();
    fails(told, "--preserve-fds 9: descriptor 3 is not open");
}

#[test]
fn a_pod_shares_the_namespaces_that_paths_name() {
    require!("oci::pod", is_root(), ROOT);
    let bundle = Bundle::new();
    bundle.sleeper("c");
    let pid = bundle.oci(["state", "c"]).run().json()["pid"].to_string();
    bundle.change(|config| {
        for kind in config["linux"]["namespaces"].as_array_mut().unwrap() {
            let name = kind["type"].as_str().unwrap().to_owned();
            if name != "mount" {
                let link = if name == "network" { "net" } else { &name };
                kind["path"] = json!(format!("/proc/{pid}/ns/{link}"));
            }
        }
        config["linux"]["cgroupsPath"] = json!(format!("/explore-{}/d", bundle.learner.tag()));
        config.as_object_mut().unwrap().remove("hostname");
    });
    let kinds = "for k in net ipc uts pid cgroup mnt; do readlink /proc/self/ns/$k; done";
    bundle.script(&format!("{kinds}; hostname; ps -e | grep -c sleep"));
    let ours = bundle.oci(["run", "d"]).run().status(0).stderr("");
    let theirs = bundle.oci(["exec", "c", "sh", "-c", kinds]).run().status(0).out;
    let (shared, theirs): (Vec<&str>, Vec<&str>) = (ours.out.lines().collect(), theirs.lines().collect());
    assert_eq!(shared[..5], theirs[..5], "{}", ours.shown());
    assert_ne!(shared[5], theirs[5], "its mounts are its own");
    assert_eq!(shared[6..], ["explore", "1"], "the name and the process of the other one\n{}", ours.shown());
    bundle.oci(["delete", "--force", "c"]).run().status(0);
}

/// As every other command of explore: while a lesson is recorded, the file that it has made gets each call as JSON.
#[test]
fn the_calls_are_told_to_a_lesson_that_is_recorded() {
    require!("oci::narrate_lesson", is_root(), ROOT);
    let bundle = Bundle::new();
    bundle.script("env");
    let file = bundle.folder.join("asked");
    let command = |words: &[&str]| bundle.oci(words.iter().copied()).env("EXPLORE_NARRATE_TO", &file);
    let oci = |words: &[&str]| command(words).run().status(0).stderr("").out;
    let silent = oci(&["run", "c"]);
    assert!(!file.exists() && !silent.contains("NARRATE"), "who wants to listen makes the file: {silent}");
    std::fs::write(&file, "").unwrap();
    let told = |call: &str| std::fs::read_to_string(&file).unwrap().contains(&format!("\"call\":\"{call}\""));
    // All of it is there once the command ends: the next block of a lesson has its own.
    assert_eq!(oci(&["run", "c"]), silent);
    assert!(told("pivot_root") && told("execve"));
    std::fs::write(&file, "").unwrap();
    // It ends though the one whom it has made waits, and has something to tell still.
    command(&["create", "c"]).quiet().run().status(0);
    eventually("it is made", || told("pivot_root"));
    assert!(!told("execve"));
    oci(&["start", "c"]);
    eventually("and begins", || told("execve"));
    oci(&["delete", "--force", "c"]);
}

#[test]
fn the_calls_are_told_to_a_file() {
    require!("oci::narrate", is_root(), ROOT);
    let bundle = Bundle::new();
    bundle.script("true");
    let file = bundle.folder.join("story");
    // One who told, and held the output, would let this wait for ever.
    bundle.oci(["--narrate-to", file.to_str().unwrap(), "run", "c"]).run().status(0).stdout("").stderr("");
    let story = || std::fs::read_to_string(&file).unwrap();
    eventually("the last call is told", || story().contains("PID 1 becomes the container's program"));
    for call in ["clone3(", "pivot_root(", "capset(", "PID 1 has waited for this"] {
        assert!(story().contains(call), "{call}\n{}", story());
    }
}
