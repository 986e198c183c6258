//! `HostConfig`: what was asked of this machine, as docker's `inspect` shows it.

use crate::kernel::namespace::Kind;
use crate::stages::create::limits::{Device, Rate};
use crate::stages::create::{self, Asked, Container, Ipc, MountPoint, Propagation, Sharing, What};
use oci_spec::runtime::Spec;
use serde_json::{Map, Value, json};

/// Size of /dev/shm where nothing is said.
const SHM_SIZE: i64 = 64 << 20;

/// All of it, in docker's order.
pub(super) fn host_config(one: &Container, spec: &Spec) -> Value {
    let mut all = Map::new();
    for part in [files(&one.asked), network(one), rights(one, spec), limits(one)] {
        if let Value::Object(part) = part {
            all.extend(part);
        }
    }
    all.into()
}

/// Docker's way with lists that nobody has asked for: `null`.
fn listed<T: serde::Serialize>(list: &[T]) -> Value {
    if list.is_empty() { Value::Null } else { json!(list) }
}

/// What is shown inside, what is written outside. A log is a file, and nothing starts a container again but a person.
fn files(asked: &Asked) -> Value {
    let files = &asked.files;
    let mut all = json!({
        "Binds": listed(&files.binds),
        "VolumesFrom": listed(&files.from),
        "VolumeDriver": "",
        "ContainerIDFile": "",
        "ShmSize": files.shm_size.filter(|size| *size > 0).unwrap_or(SHM_SIZE),
        "LogConfig": { "Type": "json-file", "Config": {} },
        "RestartPolicy": { "Name": "no", "MaximumRetryCount": 0 },
        "ConsoleSize": [0, 0],
        "Isolation": "",
        "Runtime": "explore",
    });
    if !files.mounts.is_empty() {
        all["Mounts"] = files.mounts.iter().map(mount).collect();
    }
    if !files.tmpfs.is_empty() {
        all["Tmpfs"] = Value::Object(files.tmpfs.iter().map(|(path, words)| (path.clone(), json!(words))).collect());
    }
    let sysctls: Map<String, Value> = asked
        .sysctls
        .iter()
        .filter_map(|one| one.split_once('='))
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    if !sysctls.is_empty() {
        all["Sysctls"] = Value::Object(sysctls);
    }
    all
}

/// What `--mount` said.
fn mount(one: &MountPoint) -> Value {
    let mut row = json!({ "Type": "tmpfs", "Target": one.target });
    if one.read_only {
        row["ReadOnly"] = json!(true);
    }
    match &one.what {
        What::Bind { source, recursive, propagation, .. } => {
            row["Type"] = json!("bind");
            row["Source"] = json!(source);
            let mut options = Map::new();
            if *propagation != Propagation::default() {
                options.insert("Propagation".into(), json!(propagation.word()));
            }
            if !recursive {
                options.insert("NonRecursive".into(), json!(true));
            }
            if !options.is_empty() {
                row["BindOptions"] = Value::Object(options);
            }
        }
        What::Volume { name, copy, .. } => {
            row["Type"] = json!("volume");
            if !name.is_empty() {
                row["Source"] = json!(name);
            }
            if !copy {
                row["VolumeOptions"] = json!({ "NoCopy": true });
            }
        }
        What::Tmpfs { .. } => {}
    }
    row
}

fn network(one: &Container) -> Value {
    let wish = &one.wish;
    let mut ports = Map::new();
    for publish in &wish.publish {
        let from = publish.from.map_or_else(String::new, |(first, _)| first.to_string());
        let at = if publish.anywhere { String::new() } else { publish.at.to_string() };
        let binding = json!({ "HostIp": at, "HostPort": from });
        match ports.entry(publish.to.to_string()).or_insert_with(|| json!([])) {
            Value::Array(list) => list.push(binding),
            _ => unreachable!("it was made a list"),
        }
    }
    let hosts: Vec<String> = wish.hosts.iter().map(|(name, address)| format!("{name}:{address}")).collect();
    json!({
        "NetworkMode": one.network.to_string(),
        "PortBindings": ports,
        "PublishAllPorts": wish.publish_all,
        "Dns": wish.dns,
        "DnsOptions": wish.dns_options,
        "DnsSearch": wish.dns_search,
        "ExtraHosts": listed(&hosts),
        "Links": null,
    })
}

/// Whose namespaces it has, and what it may do.
fn rights(one: &Container, spec: &Spec) -> Value {
    let (asked, spaces, linux) = (&one.asked.privileges, &one.spaces, spec.linux().as_ref());
    let own_cgroup = create::kinds(spec).contains(&Kind::Cgroup);
    // What an option has opened is an empty list, what `--privileged` has is none.
    let opened = !asked.privileged && asked.options.iter().any(|option| option.starts_with("systempaths"));
    let paths = |list: Option<&Vec<String>>| if opened { json!([]) } else { json!(list) };
    let mut all = json!({
        "PidMode": spaces.pid.to_string(),
        "IpcMode": spaces.ipc.to_string(),
        "UTSMode": if spaces.uts_of_host { "host" } else { "" },
        "UsernsMode": if spaces.user_of_host { "host" } else { "" },
        "CgroupnsMode": if own_cgroup { "private" } else { "host" },
        "Cgroup": "",
        "AutoRemove": one.remove,
        "CapAdd": listed(&asked.add),
        "CapDrop": listed(&asked.drop),
        "GroupAdd": listed(&one.program.groups),
        "Privileged": asked.privileged,
        "SecurityOpt": security(one),
        "ReadonlyRootfs": spec.root().as_ref().and_then(oci_spec::runtime::Root::readonly).unwrap_or(false),
        "MaskedPaths": paths(linux.and_then(|linux| linux.masked_paths().as_ref())),
        "ReadonlyPaths": paths(linux.and_then(|linux| linux.readonly_paths().as_ref())),
    });
    // Docker tells it only where it was asked for.
    if one.program.init {
        all["Init"] = json!(true);
    }
    all
}

/// As docker's client and daemon leave it: `systempaths` has become paths, and who shares a namespace with the host is
/// given no label (moby daemon/create.go, `generateSecurityOpt`).
fn security(one: &Container) -> Value {
    let asked = &one.asked.privileges;
    let mut options = asked.options.clone();
    options.retain(|option| !option.starts_with("systempaths"));
    let shares = asked.privileged || one.spaces.pid == Sharing::Host || one.spaces.ipc == Ipc::Host;
    if shares && !options.iter().any(|option| option.starts_with("label")) {
        options.push("label=disable".into());
    }
    listed(&options)
}

/// What it may use. Zero is "no limit", for the limits that explore does not set as well.
fn limits(one: &Container) -> Value {
    let limits = &one.limits;
    let mut ulimits = one.program.ulimits.clone();
    ulimits.sort_by_key(|one| one.resource.name());
    let shown = |limit: u64| i64::try_from(limit).unwrap_or(-1);
    let ulimits: Vec<Value> = ulimits
        .iter()
        .map(|one| json!({ "Name": one.resource.name(), "Hard": shown(one.limit.hard), "Soft": shown(one.limit.soft) }))
        .collect();
    let device = |one: &Device| json!({ "PathOnHost": one.path, "PathInContainer": one.inside, "CgroupPermissions": one.access });
    let rules: Vec<String> = limits.device_rules.iter().map(ToString::to_string).collect();
    let rate = |what: Rate| {
        let those = limits.throttles.iter().filter(|one| one.what == what);
        listed(&those.map(|one| json!({ "Path": one.path, "Rate": one.rate })).collect::<Vec<_>>())
    };
    json!({
        "Memory": limits.memory.unwrap_or(0),
        "MemoryReservation": limits.memory_reservation.unwrap_or(0),
        "MemorySwap": limits.swap().unwrap_or(0),
        "MemorySwappiness": null,
        "OomKillDisable": false,
        "OomScoreAdj": limits.oom_score_adj.unwrap_or(0),
        "NanoCpus": limits.nano_cpus.unwrap_or(0),
        "CpuShares": limits.cpu_shares.unwrap_or(0),
        "CpuPeriod": limits.cpu_period.unwrap_or(0),
        "CpuQuota": limits.cpu_quota.unwrap_or(0),
        "CpuRealtimePeriod": 0,
        "CpuRealtimeRuntime": 0,
        "CpuCount": 0,
        "CpuPercent": 0,
        "CpusetCpus": limits.cpuset_cpus.clone().unwrap_or_default(),
        "CpusetMems": limits.cpuset_mems.clone().unwrap_or_default(),
        "CgroupParent": "",
        "PidsLimit": limits.pids,
        "Ulimits": listed(&ulimits),
        "BlkioWeight": limits.blkio_weight.unwrap_or(0),
        "BlkioWeightDevice": [],
        "BlkioDeviceReadBps": rate(Rate::ReadBps),
        "BlkioDeviceWriteBps": rate(Rate::WriteBps),
        "BlkioDeviceReadIOps": rate(Rate::ReadIops),
        "BlkioDeviceWriteIOps": rate(Rate::WriteIops),
        "IOMaximumBandwidth": 0,
        "IOMaximumIOps": 0,
        "Devices": limits.devices.iter().map(device).collect::<Vec<_>>(),
        "DeviceCgroupRules": listed(&rules),
        "DeviceRequests": null,
    })
}
