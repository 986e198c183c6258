//! A container, as `docker container inspect` shows it.

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
        "Driver": "overlay2",
        "Platform": "linux",
        "HostConfig": host_config(one, &spec),
        "GraphDriver": { "Name": "overlay2", "Data": graph(roots, one) },
        "Mounts": mounts(roots, one),
        "Config": config(one, &spec),
        "NetworkSettings": network_settings(one, &leases),
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

fn host_config(one: &Container, spec: &Spec) -> Value {
    let (limits, wish) = (&one.limits, &one.wish);
    let linux = spec.linux().as_ref();
    let mut ports = Map::new();
    for publish in &wish.publish {
        let from = publish.from.map_or_else(String::new, |(first, _)| first.to_string());
        let binding = json!({ "HostIp": publish.at, "HostPort": from });
        match ports.entry(publish.to.to_string()).or_insert_with(|| json!([])) {
            Value::Array(list) => list.push(binding),
            _ => unreachable!("it was made a list"),
        }
    }
    json!({
        "NetworkMode": one.network.to_string(),
        "PortBindings": ports,
        "PidMode": one.spaces.pid.to_string(),
        "IpcMode": one.spaces.ipc.to_string(),
        "UTSMode": if one.spaces.uts_of_host { "host" } else { "" },
        "PublishAllPorts": wish.publish_all,
        "AutoRemove": one.remove,
        "Init": one.program.init,
        "Dns": wish.dns,
        "DnsOptions": wish.dns_options,
        "DnsSearch": wish.dns_search,
        "ExtraHosts": wish.hosts.iter().map(|(name, address)| format!("{name}:{address}")).collect::<Vec<_>>(),
        "GroupAdd": one.program.groups,
        "Memory": limits.memory.unwrap_or(0),
        "MemoryReservation": limits.memory_reservation.unwrap_or(0),
        "MemorySwap": limits.memory_swap.unwrap_or(0),
        "NanoCpus": limits.nano_cpus.unwrap_or(0),
        "CpuShares": limits.cpu_shares.unwrap_or(0),
        "CpuPeriod": limits.cpu_period.unwrap_or(0),
        "CpuQuota": limits.cpu_quota.unwrap_or(0),
        "CpusetCpus": limits.cpuset_cpus.clone().unwrap_or_default(),
        "CpusetMems": limits.cpuset_mems.clone().unwrap_or_default(),
        "PidsLimit": limits.pids,
        "BlkioWeight": limits.blkio_weight.unwrap_or(0),
        "OomScoreAdj": limits.oom_score_adj.unwrap_or(0),
        "ReadonlyRootfs": spec.root().as_ref().and_then(oci_spec::runtime::Root::readonly).unwrap_or(false),
        "MaskedPaths": linux.and_then(|linux| linux.masked_paths().clone()),
        "ReadonlyPaths": linux.and_then(|linux| linux.readonly_paths().clone()),
    })
}

fn graph(roots: &Roots, one: &Container) -> Value {
    let Ok(union) = Union::of(roots, one) else { return Value::Null };
    let lower: Vec<String> = union.lower.iter().map(|folder| folder.display().to_string()).collect();
    json!({ "LowerDir": lower.join(":"), "MergedDir": union.rootfs, "UpperDir": union.upper, "WorkDir": union.work })
}

/// What is shown inside of volumes and of this machine, but for the three files that every container has.
fn mounts(roots: &Roots, one: &Container) -> Vec<Value> {
    let row = |mount: &MountPoint| {
        let mut row = json!({
            "Destination": mount.target,
            "Mode": if mount.read_only { "ro" } else { "" },
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
    let shown = |mount: &MountPoint| match &mount.what {
        What::Bind { source, .. } => Some(source.display().to_string()),
        What::Volume { name, .. } => Some(name.clone()),
        What::Tmpfs { .. } => None,
    };
    one.mounts.iter().filter_map(shown).collect()
}

fn config(one: &Container, spec: &Spec) -> Value {
    let process = spec.process().as_ref();
    let exposed: Map<String, Value> = one.wish.exposed.iter().map(|port| (port.to_string(), json!({}))).collect();
    json!({
        "Hostname": one.hostname,
        "Domainname": one.wish.domainname.clone().unwrap_or_default(),
        "User": one.program.user.clone().unwrap_or_default(),
        "ExposedPorts": exposed,
        "Tty": one.terminal,
        "OpenStdin": one.interactive,
        "Env": process.and_then(|process| process.env().clone()),
        "Cmd": one.command,
        "Image": one.image,
        "WorkingDir": process.map(|process| process.cwd().clone()),
        "Entrypoint": one.program.entrypoint.as_ref().map(|entry| vec![entry]),
        "Labels": one.labels,
        "StopSignal": signal_name(one.program.stop_signal().number()),
        "StopTimeout": one.program.stop_timeout,
    })
}

fn signal_name(number: i32) -> String {
    nix::sys::signal::Signal::try_from(number).map_or_else(|_| number.to_string(), |signal| signal.as_str().to_owned())
}

fn network_settings(one: &Container, leases: &[Lease]) -> Value {
    let mut ports: Map<String, Value> = one.wish.exposed.iter().map(|port| (port.to_string(), Value::Null)).collect();
    for published in leases.iter().flat_map(|lease| &lease.published) {
        let name = format!("{}/{}", published.to, published.protocol.name());
        let binding = json!({ "HostIp": published.at, "HostPort": published.port.to_string() });
        match ports.entry(name).or_insert(Value::Null) {
            Value::Array(list) => list.push(binding),
            none => *none = json!([binding]),
        }
    }
    let networks: Map<String, Value> = leases.iter().map(|lease| (lease.network.clone(), of_lease(lease))).collect();
    let first = leases.iter().find(|lease| Some(lease.network.as_str()) == one.network.network());
    let mut all = json!({ "Ports": ports, "Networks": networks });
    let own = first.map(of_lease);
    for name in ["Gateway", "IPAddress", "IPPrefixLen", "MacAddress"] {
        let empty = if name == "IPPrefixLen" { json!(0) } else { json!("") };
        all[name] = own.as_ref().map_or(empty, |lease| lease[name].clone());
    }
    all
}

fn of_lease(lease: &Lease) -> Value {
    let mac: Vec<String> = lease.mac.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({
        "Gateway": lease.gateway,
        "IPAddress": lease.ip,
        "IPPrefixLen": lease.prefix,
        "MacAddress": mac.join(":"),
        "DNSNames": lease.names,
    })
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
