//! `inspect`: what docker says of a container that it has, and what we say, key by key.

use crate::chapter::{self, Rows, cell};
use crate::engine::{Engine, Engines};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What each of the three containers has under each key.
type Told = BTreeMap<String, [Option<String>; 3]>;

/// Their names.
const CONTAINERS: [&str; 3] = ["plain", "flags", "made"];

/// Flags that leave a trace in `inspect`.
const FLAGS: &str = "--cap-add net_admin --cap-drop CHOWN --security-opt no-new-privileges -v named:/named:ro -v second:/second -v /nobodys \
    --security-opt seccomp=unconfined --security-opt systempaths=unconfined --tmpfs /small:size=1m --shm-size 32m \
    --read-only --pid host --ipc shareable --uts host --cgroupns private --init --ulimit nofile=100:200 --ulimit core=0 \
    --sysctl net.core.somaxconn=1024 --memory 64m --cpus 1 --cpu-shares 512 --cpuset-cpus 0 --pids-limit 50 \
    --oom-score-adj 100 --device /dev/zero:/dev/mine:r --device-cgroup-rule c+1:3+r -p 127.0.0.1:8090:80 --expose 90/udp \
    --dns 192.0.2.1 --dns-search example.org --add-host other:192.0.2.2 --label one=two -e NAME=value --user 1000:1000 \
    --group-add 44 --stop-signal SIGUSR1 --stop-timeout 3 --entrypoint sleep -w /tmp";

/// The tables of the chapter.
pub(crate) fn compare(engines: &Engines) {
    let [docker, explore] = ["docker", "explore"].map(|name| told(engines.named(name)));
    // A row is of one part of the answer: what looks alike elsewhere has another reason.
    let mut differ: BTreeMap<&str, Rows> = BTreeMap::new();
    let mut same = Rows::default();
    let keys: BTreeSet<&String> = docker.keys().chain(explore.keys()).collect();
    assert!(keys.len() > 150, "{} keys only", keys.len());
    for key in keys {
        let none = [const { None }; 3];
        let (theirs, ours) = (docker.get(key).unwrap_or(&none), explore.get(key).unwrap_or(&none));
        let differ = differ.entry(key.rsplit_once('.').map_or("", |(part, _)| part)).or_default();
        let shown = |value: &Option<String>| value.as_deref().map_or("-".into(), cell);
        let alike = |all: &[Option<String>; 3]| all.iter().all(|one| *one == all[0]);
        if theirs == ours {
            same.add(key, vec!["both".into()], false);
        } else if alike(theirs) && alike(ours) {
            differ.add(key, vec![shown(&theirs[0]), shown(&ours[0])], true);
        } else {
            for (at, container) in CONTAINERS.iter().enumerate().filter(|(at, _)| theirs[*at] != ours[*at]) {
                differ.add(&format!("{container}: {key}"), vec![shown(&theirs[at]), shown(&ours[at])], true);
            }
        }
    }
    chapter::settle(
        "inspect",
        "| explore differs | docker | explore | because |",
        &differ.into_values().flat_map(|rows| rows.0).collect::<Vec<_>>(),
    );
    chapter::settle("inspect", "| the same | in |", &same.0);
}

/// `plain` has no flags and has ended, `flags` runs, `made` was never started and has what does not go with the others.
fn told(engine: &Engine) -> Told {
    let folder = engine.learner.work().display().to_string();
    let bound = format!("{folder}:/bound");
    let mount = format!("type=bind,source={folder},target=/other,readonly");
    engine.command(&["run", "--name", "plain", "demo", "true"]).run().status(0);
    // A rule for devices has spaces of its own.
    let flags: Vec<String> = FLAGS.split_whitespace().map(|word| word.replace('+', " ")).collect();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let before = ["run", "-d", "--name", "flags", "-v", &bound, "--mount", &mount];
    engine.command(&[&before, &flags[..], &["demo", "1000"]].concat()).run().status(0);
    let before = ["create", "--rm", "--name", "made", "--privileged", "--network", "none", "--hostname", "box"];
    let more = ["-i", "-t", "-P", "--ipc", "host", "--userns", "host", "--volumes-from", "plain:ro", "demo"];
    engine.command(&[&before[..], &more].concat()).run().status(0);
    let mut all = Told::new();
    for (at, container) in CONTAINERS.iter().enumerate() {
        let found = engine.command(&["inspect", container]).run().status(0).json();
        flatten("", &found[0], &mut |key, value| all.entry(key).or_default()[at] = Some(value));
    }
    engine.command(&[&["rm", "-f"], &CONTAINERS[..]].concat()).run().status(0);
    engine.command(&["volume", "rm", "named", "second"]).run().status(0);
    all
}

/// Every leaf. What is mounted is known by where, for its order is nobody's promise.
fn flatten(key: &str, value: &Value, tell: &mut impl FnMut(String, String)) {
    let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            fields.iter().for_each(|(name, value)| flatten(&below(name), value, tell));
        }
        Value::Array(mounts) if key == "Mounts" && !mounts.is_empty() => {
            for mount in mounts {
                flatten(&below(mount["Destination"].as_str().unwrap()), mount, tell);
            }
        }
        // Docker's client takes them out of a map, in any order.
        Value::Array(binds) if key == "HostConfig.Binds" => {
            let mut binds: Vec<&str> = binds.iter().map(|one| one.as_str().unwrap()).collect();
            binds.sort_unstable();
            tell(key.to_owned(), format!("{binds:?}"));
        }
        _ => tell(key.to_owned(), kind(key, value)),
    }
}

/// What another container would have otherwise is told as what it is.
fn kind(key: &str, value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    let hex = |least: usize| text.len() >= least && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let of_engine = ["data/", "exec/", "s/"].iter().any(|folder| text.starts_with(&format!("[HERE]/{folder}")));
    let address = text.parse::<std::net::Ipv4Addr>().is_ok_and(|one| one.is_private() && !one.is_loopback());
    match text {
        _ if hex(12) => "an ID".into(),
        _ if of_engine => "a path".into(),
        _ if address => "an address".into(),
        _ if text.starts_with("02:42:") => "a MAC address".into(),
        _ if text.ends_with('Z') && text.contains('T') && !text.starts_with("0001") => "a time".into(),
        _ if key == "State.Pid" && *value != 0 => "a number".into(),
        _ if key.ends_with("Hostname")
            && std::fs::read_to_string("/etc/hostname").is_ok_and(|name| name.trim() == text) =>
        {
            "the host's".into()
        }
        _ => value.to_string(),
    }
}
