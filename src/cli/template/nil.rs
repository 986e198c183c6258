//! What is nothing, as Go prints it: that depends on the type, which JSON does not have and docker's names tell.

use super::parse::{Operand, Pipe};
use serde_json::Value;

/// Maps from a text to a text: what is not in one is an empty text to `index`.
const OF_TEXT: [&str; 9] =
    ["Labels", "Options", "Tmpfs", "Sysctls", "StorageOpt", "Data", "DriverOpts", "Annotations", "Status"];

const MAPS: [&str; 6] = ["ExposedPorts", "Volumes", "Ports", "PortBindings", "Networks", "Containers"];

const LISTS: [&str; 35] = [
    "Aliases",
    "Args",
    "Binds",
    "BlkioDeviceReadBps",
    "BlkioDeviceReadIOps",
    "BlkioDeviceWriteBps",
    "BlkioDeviceWriteIOps",
    "BlkioWeightDevice",
    "CapAdd",
    "CapDrop",
    "Cmd",
    "DNSNames",
    "DeviceCgroupRules",
    "DeviceRequests",
    "Devices",
    "Dns",
    "DnsOptions",
    "DnsSearch",
    "Entrypoint",
    "Env",
    "ExecIDs",
    "ExtraHosts",
    "GroupAdd",
    "Layers",
    "Links",
    "MaskedPaths",
    "Mounts",
    "OnBuild",
    "ReadonlyPaths",
    "RepoDigests",
    "RepoTags",
    "SecurityOpt",
    "Shell",
    "Ulimits",
    "VolumesFrom",
];

fn is_map(name: &str) -> bool {
    OF_TEXT.contains(&name) || MAPS.contains(&name)
}

/// What is not in a map is no mistake, other than a field that a type does not have.
pub(super) fn may_lack(path: &[String]) -> bool {
    path.last().is_some_and(|name| is_map(name))
}

/// What is printed for nothing at the end of this pipe.
pub(super) fn printed(pipe: &Pipe) -> &'static str {
    let path = match pipe.as_slice() {
        [command] => match command.as_slice() {
            [Operand::Dot(path) | Operand::Variable(_, path) | Operand::Group(_, path)] => path.as_slice(),
            [Operand::Function(name), Operand::Dot(path) | Operand::Variable(_, path), _] if name == "index" => {
                let ports = path.last().is_some_and(|name| name == "Ports" || name == "PortBindings");
                return if ports { "[]" } else { "<nil>" };
            }
            _ => return "<nil>",
        },
        _ => return "<nil>",
    };
    match path {
        [before @ .., _] if may_lack(before) => "<no value>",
        [.., name] if is_map(name) => "map[]",
        [.., name] if LISTS.contains(&name.as_str()) => "[]",
        _ => "<nil>",
    }
}

/// What `index` has found, for a map of texts.
pub(super) fn indexed(found: Value, of: Option<&Operand>) -> Value {
    let path = match of {
        Some(Operand::Dot(path) | Operand::Variable(_, path) | Operand::Group(_, path)) => path.as_slice(),
        _ => &[],
    };
    let of_text = path.last().is_some_and(|name| OF_TEXT.contains(&name.as_str()));
    if found.is_null() && of_text { "".into() } else { found }
}
