//! Settings of the kernel that each network or IPC namespace has for itself (`--sysctl`, and the two that Docker sets).

use super::CreateError;
use crate::kernel::user;
use serde_json::{Map, Value, json};
use std::path::Path;

/// What Docker sets in a network namespace of its own (moby daemon/oci_linux.go, `WithCommonOptions`): ports below 1024
/// protect nothing inside, where nobody else serves; and ping(8) may open its socket without CAP_NET_RAW.
const DEFAULTS: [(&str, &str); 2] =
    [("net.ipv4.ip_unprivileged_port_start", "0"), ("net.ipv4.ping_group_range", "0 2147483647")];

/// Settings of the IPC namespace (sysctl_kernel in ipc_namespaces(7)).
const OF_IPC: [&str; 8] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
];

/// `linux.sysctl` of config.json. `own_network`: the container has a network namespace of its own.
///
/// # Errors
/// [`CreateError::Sysctl`]: not `NAME=VALUE`, or a setting that is the whole machine's.
pub(super) fn settings(typed: &[String], own_network: bool) -> Result<Value, CreateError> {
    let mut all = Map::new();
    for (name, value) in DEFAULTS.iter().filter(|_| own_network) {
        // The range is of group numbers, and a user namespace seldom has them all.
        let impossible = name.ends_with("ping_group_range") && user::in_user_namespace();
        // Kernels without IPv4, or before 4.11, do not know them.
        if !impossible && Path::new("/proc/sys").join(name.replace('.', "/")).exists() {
            all.insert((*name).to_owned(), json!(value));
        }
    }
    for one in typed {
        let refused = |why| CreateError::Sysctl { given: one.clone(), why };
        let (name, value) = one.split_once('=').ok_or_else(|| refused("it is no NAME=VALUE"))?;
        check(name, own_network, true).map_err(refused)?;
        all.insert(name.to_owned(), json!(value));
    }
    Ok(Value::Object(all))
}

/// Docker's list, and runc's (libcontainer/configs/validate): what is outside a namespace changes the machine.
///
/// # Errors
/// Why this setting may not be changed.
pub fn check(name: &str, own_network: bool, own_ipc: bool) -> Result<(), &'static str> {
    let plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-/".contains(&byte))
    };
    if !name.split('.').all(plain) || name.contains("//") {
        return Err("a name is words with dots between them, as sysctl(8) lists them");
    }
    if name.starts_with("net.") {
        return if own_network { Ok(()) } else { Err("the network is not its own, so it would change another's") };
    }
    if name.starts_with("fs.mqueue.") || OF_IPC.contains(&name) {
        return if own_ipc { Ok(()) } else { Err("the IPC namespace is not its own, so it would change another's") };
    }
    Err("it is no setting of a namespace, so it would change the whole machine")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_namespace_holds_can_be_set() {
        let value = settings(&["net.core.somaxconn=7".into(), "kernel.shmmax=1".into()], true).unwrap();
        assert_eq!((&value["net.core.somaxconn"], &value["kernel.shmmax"]), (&json!("7"), &json!("1")));
        for bad in [
            "kernel.panic=1",
            "net.core.somaxconn",
            "vm.swappiness=1",
            "net..x=1",
            "net.../../x=1",
            "=1",
            "fs.file-max=1",
        ] {
            assert!(settings(&[bad.into()], true).is_err(), "{bad}");
        }
        assert!(settings(&["net.core.somaxconn=7".into()], false).is_err());
    }

    #[test]
    fn a_later_word_replaces_dockers() {
        let value = settings(&["net.ipv4.ip_unprivileged_port_start=80".into()], true).unwrap();
        assert_eq!(value["net.ipv4.ip_unprivileged_port_start"], json!("80"));
    }
}
