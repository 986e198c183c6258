//! What the specification has and we do not. It is looked for in the JSON itself, before types are made of it: types drop
//! what they do not know, and a wish that is dropped is a promise that is broken.

use super::OciError;
use serde_json::Value;

/// Members that must say nothing. `*` is each of a list.
const LACKING: [(&str, &str); 36] = [
    ("vm", "virtual machines are another kind of runtime"),
    ("solaris", "this is Linux"),
    ("windows", "this is Linux"),
    ("zos", "this is Linux"),
    ("process.apparmorProfile", "explore puts no process under a profile of AppArmor"),
    ("process.selinuxLabel", "explore gives no process a label of SELinux"),
    ("process.ioPriority", "explore sets no priority of input and output"),
    ("process.scheduler", "explore sets no scheduling policy"),
    ("process.execCPUAffinity", "explore binds no process to processors; resources.cpu.cpus does"),
    ("linux.mountLabel", "explore gives no mount a label of SELinux"),
    ("linux.uidMappings", "explore makes no user namespace for another engine"),
    ("linux.gidMappings", "explore makes no user namespace for another engine"),
    ("linux.timeOffsets", "explore sets no clocks"),
    ("linux.intelRdt", "explore has no Intel RDT"),
    ("linux.memoryPolicy", "explore sets no memory policy"),
    ("linux.personality", "explore changes no execution domain"),
    ("linux.netDevices", "explore moves no interfaces for another engine"),
    ("linux.seccomp.listenerPath", "explore knows no agent that answers system calls"),
    ("linux.seccomp.listenerMetadata", "explore knows no agent that answers system calls"),
    ("linux.resources.memory.kernel", "the kernel has no such limit any more (Linux 5.4)"),
    ("linux.resources.memory.kernelTCP", "explore has no limit for socket buffers"),
    ("linux.resources.memory.swappiness", "explore does not set how eagerly memory is swapped"),
    ("linux.resources.memory.disableOOMKiller", "explore leaves the OOM killer on"),
    ("linux.resources.memory.useHierarchy", "the kernel has only this way (Linux 5.11)"),
    ("linux.resources.memory.checkBeforeUpdate", "explore leaves that to the kernel"),
    ("linux.resources.cpu.burst", "explore sets no burst"),
    ("linux.resources.cpu.idle", "explore makes no group idle"),
    ("linux.resources.cpu.realtimeRuntime", "explore gives no real time"),
    ("linux.resources.cpu.realtimePeriod", "explore gives no real time"),
    ("linux.resources.blockIO.leafWeight", "the kernel has none any more (Linux 5.0)"),
    ("linux.resources.blockIO.weightDevice", "explore sets one weight for all disks"),
    ("linux.resources.hugepageLimits", "explore has no limit for huge pages"),
    ("linux.resources.network", "explore marks no packets by cgroup"),
    ("linux.resources.rdma", "explore has no limit for RDMA"),
    ("mounts.*.uidMappings", "explore maps no ids of a mount"),
    ("mounts.*.gidMappings", "explore maps no ids of a mount"),
];

/// Options of mounts that runtimes carry out themselves.
const OPTIONS: [(&str, &str); 3] = [
    ("idmap", "explore maps no ids of a mount"),
    ("ridmap", "explore maps no ids of a mount"),
    ("tmpcopyup", "explore copies nothing into a tmpfs"),
];

/// Refuses what we do not have.
pub(super) fn lacking(config: &Value) -> Result<(), OciError> {
    for (path, why) in LACKING {
        if let Some(found) = find(config, path, "") {
            return Err(refused(&found, why));
        }
    }
    for (number, mount) in config["mounts"].as_array().into_iter().flatten().enumerate() {
        for word in mount["options"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let name = word.split('=').next().unwrap_or(word);
            if let Some((_, why)) = OPTIONS.iter().find(|(option, _)| *option == name) {
                return Err(refused(&format!("mounts[{number}].options: {word}"), why));
            }
        }
    }
    unified(&config["linux"]["resources"]["unified"])
}

/// The same of resources alone, which `update` is given.
pub(super) fn lacking_resources(resources: &Value) -> Result<(), OciError> {
    lacking(&serde_json::json!({ "linux": { "resources": resources } }))
}

fn unified(value: &Value) -> Result<(), OciError> {
    match value.as_object().and_then(|files| files.keys().next()) {
        Some(file) => Err(refused(&format!("linux.resources.unified.{file}"), "explore writes no file by its name")),
        None => Ok(()),
    }
}

fn refused(path: &str, why: &str) -> OciError {
    OciError::Refused { file: "config.json", path: path.to_owned(), why: why.to_owned() }
}

/// Where a member says something, along a path; what is empty, zero or false says nothing.
fn find(value: &Value, path: &str, done: &str) -> Option<String> {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    if name == "*" {
        let list = value.as_array()?;
        return list.iter().enumerate().find_map(|(number, one)| find(one, rest?, &format!("{done}[{number}]")));
    }
    let found = value.get(name)?;
    let done = if done.is_empty() { name.to_owned() } else { format!("{done}.{name}") };
    match rest {
        Some(rest) => find(found, rest, &done),
        // Zero is a wish of its own here: to swap as little as can be.
        None if name == "swappiness" && found.is_number() => Some(done),
        None => says_something(found).then_some(done),
    }
}

fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !matches!(text.as_str(), "" | "unconfined"),
        Value::Array(list) => !list.is_empty(),
        Value::Object(members) => members.values().any(says_something),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn why(config: &Value) -> String {
        lacking(config).unwrap_err().to_string()
    }

    #[test]
    fn a_wish_is_refused_by_its_path() {
        let config = json!({ "linux": { "intelRdt": { "closID": "x" } } });
        assert_eq!(why(&config), "config.json: linux.intelRdt: explore has no Intel RDT");
        let config = json!({ "mounts": [{}, { "uidMappings": [{ "size": 1 }] }] });
        assert_eq!(why(&config), "config.json: mounts[1].uidMappings: explore maps no ids of a mount");
        let config = json!({ "mounts": [{ "options": ["ro", "tmpcopyup"] }] });
        assert!(why(&config).starts_with("config.json: mounts[0].options: tmpcopyup: "));
        let config = json!({ "linux": { "resources": { "unified": { "memory.high": "1" } } } });
        assert!(why(&config).contains("linux.resources.unified.memory.high"));
    }

    #[test]
    fn what_says_nothing_is_no_wish() {
        let resources = json!({ "memory": { "disableOOMKiller": false, "kernel": 0 }, "network": {} });
        let config = json!({ "vm": null, "process": { "apparmorProfile": "" }, "linux": { "resources": resources } });
        assert!(lacking(&config).is_ok());
    }

    #[test]
    fn every_path_is_looked_at() {
        for (path, _) in LACKING {
            let value = path.rsplit('.').fold(json!({ "x": 1 }), |below, name| match name {
                "*" => json!([below]),
                name => json!({ name: below }),
            });
            assert!(why(&value).contains(&path.replace(".*", "[0]")), "{path}");
        }
    }
}
