//! A container, as `docker container inspect` shows it.

use super::host_config::host_config;
use crate::cli::explained;
use crate::image::time;
use crate::stages::create::{self, Container, MountPoint, Status, What};
use crate::stages::exec::{self, Running};
use crate::stages::layer::Union;
use crate::stages::network::{self, Lease};
use crate::stages::volume;
use crate::state::Roots;
use oci_spec::runtime::Spec;
use serde_json::{Map, Value, json};
use std::path::Path;

/// What docker says of a time that has not come.
const NEVER: &str = "0001-01-01T00:00:00Z";

pub(super) fn facts(roots: &Roots, one: &Container, with_size: bool) -> anyhow::Result<Value> {
    let spec = create::spec(roots, &one.id).map_err(explained)?;
    let running = exec::running(roots, &one.id);
    let bundle = create::folder(roots, &one.id);
    let file = |name: &str| bundle.join(name);
    let leases = network::leases_of(roots, &one.id).unwrap_or_default();
    let mut all = json!({
        "Id": one.id,
        "Created": moment(one.created_nanos),
        "Path": one.command.first(),
        "Args": one.command.iter().skip(1).collect::<Vec<_>>(),
        "State": state(one, running.as_ref()),
        "Image": one.image_id,
        "ResolvConfPath": file("resolv.conf"),
        "HostnamePath": file("hostname"),
        "HostsPath": file("hosts"),
        "LogPath": file("json.log"),
        "Name": format!("/{}", one.name),
        "RestartCount": 0,
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": null,
        "Driver": "overlay2",
        "Platform": "linux",
        "HostConfig": host_config(one, &spec),
        "GraphDriver": { "Name": "overlay2", "Data": graph(roots, one) },
        "Mounts": mounts(roots, one),
        "Config": config(one, &spec),
        "NetworkSettings": network_settings(roots, one, &leases),
    });
    if with_size {
        all["SizeRw"] = written(roots, one).into();
    }
    Ok(all)
}

fn moment(nanoseconds: u64) -> String {
    let whole = time::rfc3339(nanoseconds / 1_000_000_000);
    format!("{}.{:09}Z", whole.trim_end_matches('Z'), nanoseconds % 1_000_000_000)
}

fn state(one: &Container, running: Option<&Running>) -> Value {
    let (mut code, mut oom, mut started, mut finished) = (0, false, NEVER.to_owned(), NEVER.to_owned());
    if let Status::Exited { how, started: then, at, oom_killed } = one.status {
        (code, oom, started, finished) = (how.code(), oom_killed, time::rfc3339(then), time::rfc3339(at));
    }
    if let Some(running) = running {
        (code, oom, started) = (0, false, time::rfc3339(running.started));
    }
    json!({
        "Status": crate::cli::ps::state(one, running),
        "Running": running.is_some(),
        "Paused": running.is_some_and(exec::is_paused),
        "Restarting": false,
        "OOMKilled": oom,
        "Dead": false,
        "Pid": running.map_or(0, |running| running.init.pid),
        "ExitCode": code,
        "Error": "",
        "StartedAt": started,
        "FinishedAt": finished,
    })
}

fn graph(roots: &Roots, one: &Container) -> Value {
    let Ok(union) = Union::of(roots, one) else { return Value::Null };
    let lower: Vec<String> = union.lower.iter().map(|folder| folder.display().to_string()).collect();
    json!({ "LowerDir": lower.join(":"), "MergedDir": union.rootfs, "UpperDir": union.upper, "WorkDir": union.work })
}

/// What is shown inside of volumes and of this machine, but for the three files that every container has.
fn mounts(roots: &Roots, one: &Container) -> Vec<Value> {
    let worded: Vec<_> = one.asked.files.mounts.iter().map(|mount| mount.target.clone()).collect();
    let row = |mount: &MountPoint| {
        let mut row = json!({
            "Destination": mount.target,
            // The word that `-v` was given; `--mount` has none.
            "Mode": if mount.read_only && !worded.contains(&mount.target) { "ro" } else { "" },
            "RW": !mount.read_only,
        });
        match &mount.what {
            What::Bind { source, propagation, .. } => {
                row["Type"] = json!("bind");
                row["Source"] = json!(source);
                row["Propagation"] = json!(propagation.word());
            }
            What::Volume { name, .. } => {
                row["Type"] = json!("volume");
                row["Name"] = json!(name);
                row["Source"] = json!(volume::data(roots, name));
                row["Driver"] = json!("local");
                row["Propagation"] = json!("");
            }
            // Docker tells of it elsewhere.
            What::Tmpfs { .. } => return None,
        }
        Some(row)
    };
    one.mounts.iter().filter_map(row).collect()
}

/// What those mounts show: the names of volumes, the paths of others.
pub(in crate::cli) fn shown_mounts(one: &Container) -> Vec<String> {
    one.mounts.iter().filter_map(shown_mount).collect()
}

/// The same of one mount.
pub(in crate::cli) fn shown_mount(mount: &MountPoint) -> Option<String> {
    match &mount.what {
        What::Bind { source, .. } => Some(source.display().to_string()),
        What::Volume { name, .. } => Some(name.clone()),
        What::Tmpfs { .. } => None,
    }
}

fn config(one: &Container, spec: &Spec) -> Value {
    let process = spec.process().as_ref();
    let (asked, watched_input) = (&one.asked, one.interactive && one.asked.attached);
    let named = |names: Vec<String>| names.into_iter().map(|name| (name, json!({}))).collect::<Map<_, _>>();
    let exposed = named(one.wish.exposed.iter().map(ToString::to_string).collect());
    let volumes = named(asked.volumes.clone());
    let (entrypoint, command) = one.command.split_at(asked.entrypoint.min(one.command.len()));
    let list = |words: &[String]| if words.is_empty() { Value::Null } else { json!(words) };
    let mut all = json!({
        "Hostname": one.hostname,
        "Domainname": one.wish.domainname.clone().unwrap_or_default(),
        "User": one.program.user.clone().unwrap_or_default(),
        "AttachStdin": watched_input,
        "AttachStdout": asked.attached,
        "AttachStderr": asked.attached,
        "Tty": one.terminal,
        "OpenStdin": one.interactive,
        "StdinOnce": watched_input,
        "Env": asked.env,
        "Cmd": list(command),
        "Image": if asked.image.is_empty() { &one.image } else { &asked.image },
        "Volumes": if volumes.is_empty() { Value::Null } else { volumes.into() },
        "WorkingDir": process.map(|process| process.cwd().clone()),
        "Entrypoint": list(entrypoint),
        "OnBuild": null,
        "Labels": one.labels,
    });
    // Docker tells these only where somebody has said something.
    if !exposed.is_empty() {
        all["ExposedPorts"] = exposed.into();
    }
    if let Some(signal) = one.program.stop_signal {
        all["StopSignal"] = signal_name(signal.number()).into();
    }
    if let Some(seconds) = one.program.stop_timeout {
        all["StopTimeout"] = seconds.into();
    }
    all
}

fn signal_name(number: i32) -> String {
    nix::sys::signal::Signal::try_from(number).map_or_else(|_| number.to_string(), |signal| signal.as_str().to_owned())
}

fn network_settings(roots: &Roots, one: &Container, leases: &[Lease]) -> Value {
    let mut ports: Map<String, Value> = one.wish.exposed.iter().map(|port| (port.to_string(), Value::Null)).collect();
    for published in leases.iter().flat_map(|lease| &lease.published) {
        let name = format!("{}/{}", published.to, published.protocol.name());
        let binding = json!({ "HostIp": published.at, "HostPort": published.port.to_string() });
        match ports.entry(name).or_insert(Value::Null) {
            Value::Array(list) => list.push(binding),
            none => *none = json!([binding]),
        }
    }
    let mut networks: Map<String, Value> =
        leases.iter().map(|lease| (lease.network.clone(), of_lease(roots, lease))).collect();
    let first = leases.iter().find(|lease| Some(lease.network.as_str()) == one.network.network());
    // It is connected, and has nothing of it as long as it does not run.
    if networks.is_empty() {
        networks.extend(connected(one).into_iter().map(|name| (name.clone(), endpoint(roots, &name))));
    }
    let mut all = json!({ "Ports": ports, "Networks": networks });
    let own = first.map_or_else(|| endpoint(roots, ""), |lease| of_lease(roots, lease));
    for name in ["Gateway", "IPAddress", "IPPrefixLen", "MacAddress"] {
        all[name] = own[name].clone();
    }
    all
}

/// The networks of a container, those without cables among them: host and none.
pub(in crate::cli) fn connected(one: &Container) -> Vec<String> {
    match &one.network {
        network::Mode::Container(_) => Vec::new(),
        network::Mode::None if one.wish.left => one.wish.networks(&one.network).map(str::to_owned).collect(),
        mode @ (network::Mode::None | network::Mode::Host) => vec![mode.to_string()],
        mode => one.wish.networks(mode).map(str::to_owned).collect(),
    }
}

/// How it is connected to that network before it has anything there.
fn endpoint(roots: &Roots, network: &str) -> Value {
    json!({
        "IPAMConfig": null,
        "Links": null,
        "Aliases": null,
        "DriverOpts": null,
        "NetworkID": network::find(roots, network).map(|found| found.id).unwrap_or_default(),
        "Gateway": "",
        "IPAddress": "",
        "IPPrefixLen": 0,
        "MacAddress": "",
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "DNSNames": null,
    })
}

fn of_lease(roots: &Roots, lease: &Lease) -> Value {
    let mac: Vec<String> = lease.mac.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut all = endpoint(roots, &lease.network);
    all["Gateway"] = json!(lease.gateway);
    all["IPAddress"] = json!(lease.ip);
    all["IPPrefixLen"] = json!(lease.prefix);
    all["MacAddress"] = json!(mac.join(":"));
    if let Some(six) = &lease.six {
        all["IPv6Gateway"] = json!(six.gateway);
        all["GlobalIPv6Address"] = json!(six.ip);
        all["GlobalIPv6PrefixLen"] = json!(six.prefix);
    }
    if !lease.names.is_empty() {
        all["DNSNames"] = json!(lease.names);
    }
    all
}

/// Bytes of the files that it has written itself.
pub(in crate::cli) fn written(roots: &Roots, one: &Container) -> u64 {
    fn below(folder: &Path, depth: u32) -> u64 {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let size = |entry: std::fs::DirEntry| match entry.metadata() {
            Ok(found) if found.is_dir() && depth > 0 => below(&entry.path(), depth - 1),
            Ok(found) if found.is_file() => found.len(),
            _ => 0,
        };
        entries.map(size).sum()
    }
    below(&create::folder(roots, &one.id).join("upper"), 256)
}
