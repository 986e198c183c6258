//! What docker's types have and its JSON leaves out: a template may ask for it all the same.

use serde_json::{Value, json};

/// The value as a template sees it. What is nothing is `null` here; how it is printed follows from its name.
pub(super) fn completed(mut value: Value) -> Value {
    let is = |name: &str| value.get(name).is_some();
    let parts: Vec<(&str, Value)> = if is("HostConfig") {
        vec![
            ("/Config", config()),
            ("/HostConfig", host_config()),
            ("/State", json!({ "Health": null })),
            ("/NetworkSettings", network_settings()),
            ("", json!({ "SizeRw": null, "SizeRootFs": null })),
        ]
    } else if is("RootFS") {
        vec![("/Config", config()), ("/Config", of_image()), ("", json!({ "Variant": "", "OsVersion": "" }))]
    } else if is("IPAM") {
        vec![
            ("", json!({ "Attachable": false, "Ingress": false, "ConfigOnly": false, "Options": null })),
            ("/IPAM", json!({ "Options": null })),
        ]
    } else {
        vec![("", json!({ "Status": null }))]
    };
    for (place, absent) in parts {
        let Some(Value::Object(there)) = value.pointer_mut(place) else { continue };
        let Value::Object(absent) = absent else { continue };
        for (name, none) in absent {
            there.entry(name).or_insert(none);
        }
    }
    value
}

fn config() -> Value {
    json!({
        "ArgsEscaped": false,
        "ExposedPorts": null,
        "Healthcheck": null,
        "MacAddress": "",
        "NetworkDisabled": false,
        "Shell": null,
        "StopSignal": "",
        "StopTimeout": null,
    })
}

/// What the configuration of a container always says, and that of an image where there is something to say.
fn of_image() -> Value {
    json!({
        "AttachStderr": false,
        "AttachStdin": false,
        "AttachStdout": false,
        "Cmd": null,
        "Domainname": "",
        "Entrypoint": null,
        "Env": null,
        "Hostname": "",
        "Image": "",
        "Labels": null,
        "OnBuild": null,
        "OpenStdin": false,
        "StdinOnce": false,
        "Tty": false,
        "User": "",
        "Volumes": null,
        "WorkingDir": "",
    })
}

fn host_config() -> Value {
    json!({ "Annotations": null, "Init": null, "Mounts": null, "StorageOpt": null, "Sysctls": null, "Tmpfs": null })
}

fn network_settings() -> Value {
    json!({
        "Bridge": "",
        "EndpointID": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "HairpinMode": false,
        "IPv6Gateway": "",
        "SandboxID": "",
        "SandboxKey": "",
    })
}
