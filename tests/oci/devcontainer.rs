//! `.devcontainer`: its flags do what its comments say, under a real dockerd with its own runtime.

use super::docker::Docker;
use crate::support::{has_program, is_root, require};
use serde_json::Value;
use std::os::unix::fs::chown;
use std::path::Path;

/// The file without its comments, which are whole lines.
fn settings() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(".devcontainer/devcontainer.json");
    let text = std::fs::read_to_string(path).unwrap();
    let plain: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    serde_json::from_str(&plain.join("\n")).unwrap()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
}

#[test]
fn it_is_json_and_nobody_in_it_is_root() {
    let settings = settings();
    assert_eq!((&settings["containerUser"], &settings["remoteUser"]), (&"learner".into(), &"learner".into()));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".devcontainer");
    let file = std::fs::read_to_string(folder.join(settings["build"]["dockerfile"].as_str().unwrap())).unwrap();
    assert!(file.lines().any(|line| line == "USER learner"), "{file}");
    let installed = file.lines().find(|line| line.contains("apt-get install")).unwrap();
    assert!(!installed.contains("sudo") && !texts(&settings["runArgs"]).iter().any(|flag| flag.contains("privileged")));
}

#[test]
fn with_its_flags_all_but_the_lessons_on_limits_run_and_without_them_next_to_none() {
    require!("oci::devcontainer", is_root() && has_program("dockerd"), "needs root and dockerd(8)");
    let docker = Docker::start();
    let settings = settings();
    let state = docker.learner.home().join("state");
    std::fs::create_dir(&state).unwrap();
    chown(&state, Some(1000), Some(1000)).unwrap();
    // In place of the image of the Dockerfile: this machine's programs, and the explore that is tested.
    let mut usual: Vec<String> =
        ["run", "--rm", "--runtime=runc", "--network=none", "--user=1000:1000"].map(str::to_owned).into();
    let root = settings["containerEnv"]["EXPLORE_ROOT"].as_str().unwrap();
    assert!(texts(&settings["mounts"]).iter().any(|mount| mount.ends_with(&format!(",target={root}"))), "{settings}");
    usual.extend([format!("--env=EXPLORE_ROOT={root}"), format!("--volume={}:{root}", state.display())]);
    usual.push(format!("--volume={}:/explore:ro", env!("CARGO_BIN_EXE_explore")));
    let parts = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d"];
    for part in parts.into_iter().filter(|part| Path::new(part).exists()) {
        usual.push(format!("--volume={part}:{part}:ro"));
    }
    let mut flags = texts(&settings["runArgs"]);
    flags.extend(
        texts(&settings["mounts"])
            .iter()
            .filter(|mount| mount.contains("bind"))
            .map(|mount| format!("--mount={mount}")),
    );
    let run = |flags: &[String], command: &[&str]| {
        let words: Vec<&str> =
            usual.iter().chain(flags).map(String::as_str).chain(["demo:latest", "/explore"]).collect();
        docker.run(&[&words, command].concat())
    };
    let class = ["doctor", "--class", "--json"];
    let (with, without) = (run(&flags, &class).status(0).json(), run(&[], &class).status(1).json());
    assert!(without["lessons"]["live"].as_u64() < Some(10), "{without}");
    let lacking: Vec<&str> =
        with["lacking"].as_array().unwrap().iter().map(|need| need["id"].as_str().unwrap()).collect();
    // A kernel for a guest is nobody's to give by a flag.
    assert!(lacking.iter().all(|id| id.starts_with("cgroup-") || *id == "guest"), "{with}");
    for left_out in 0..flags.len() {
        let mut fewer = flags.clone();
        let flag = fewer.remove(left_out);
        let answer = run(&fewer, &class);
        let fewer_run = answer.json()["lessons"]["live"].as_u64() < with["lessons"]["live"].as_u64();
        // There is no AppArmor on every machine.
        assert!(fewer_run || flag.contains("apparmor"), "{flag} changes nothing: {}", answer.shown());
    }
    run(&flags, &["lesson", "--yes", "exit"]).status(0).stdout_has("in a user namespace");
}
