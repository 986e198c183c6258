//! Words of docker's that explore does not have. Who types one from habit is told why, and what does the same here; for any
//! other word that is wrong, clap's own message is the better one.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Which commands a flag is looked for in.
const MAKE: &[&str] = &["run", "create"];

/// A flag, the commands that have it in docker, why it is not here, and what helps.
type Row = (&'static [&'static str], &'static [&'static str], &'static str, &'static str);

const NOBODY_STAYS: &str = "no daemon stays behind that could start a container again";
const WINDOWS: &str = "it is for containers of Windows";
const SWARM: &str = "it is for swarms, and explore knows this machine only";
const REAL_TIME: &str = "real-time groups need a kernel that is built for them, and few are";

#[rustfmt::skip]
const FLAGS: &[Row] = &[
    (&["run", "create", "update"], &["--restart"], NOBODY_STAYS, "`explore start` starts it; a unit of systemd with `explore run --rm …` is started again by systemd"),
    (MAKE, &["--health-cmd", "--health-interval", "--health-retries", "--health-start-interval", "--health-start-period", "--health-timeout"], "no daemon stays behind that could look after a container, so no image's HEALTHCHECK is run either", "`explore exec CONTAINER COMMAND` runs a check whenever you want one"),
    (MAKE, &["--log-driver", "--log-opt"], "what a container says is kept in one way only, the one of docker's json-file", "`explore logs` shows it; `explore inspect -f '{{.LogPath}}'` says where it lies"),
    (MAKE, &["--link"], "links are docker's old way to give a container a name", "on a network of its own each finds the other by its name: `explore network create net`, then `--network net`"),
    (MAKE, &["--link-local-ip"], "a container has the addresses that its networks give it, and no others", "`--ip` chooses one of a network with a `--subnet`"),
    (MAKE, &["--gpus"], "no driver of a maker is called", "the device itself can be shown inside: `--device /dev/dri`"),
    (MAKE, &["--runtime"], "explore starts containers itself", "`explore layer mount` leaves a bundle that runc and crun start; and `docker run --runtime` can name explore"),
    (MAKE, &["--storage-opt"], "the final layer is a folder of this machine, as large as that lets it be", "`--tmpfs /inside:size=64m` has a limit, and so has a volume on a filesystem of its own"),
    (MAKE, &["--volume-driver"], "volumes are folders of this machine", "a folder that is mounted from elsewhere can be shown inside: `-v /mnt/there:/inside`"),
    (MAKE, &["--cgroup-parent"], "where groups are made follows from the controllers of this machine", "start explore inside the group that is to be above: all its containers are below it then"),
    (MAKE, &["--annotation"], "nobody here reads annotations", "`--label NAME=VALUE` notes something, and `explore ps --filter label=NAME` finds it"),
    (MAKE, &["--memory-swappiness", "--kernel-memory", "--oom-kill-disable"], "version 2 of cgroups has nothing for it, and docker ignores it there", "`--memory`, `--memory-swap` and `--memory-reservation` are in both versions"),
    (&["run", "create", "update"], &["--cpu-rt-period", "--cpu-rt-runtime"], REAL_TIME, "`--cpus`, `--cpu-shares` and `--cpuset-cpus` are there"),
    (MAKE, &["--blkio-weight-device"], "a weight is of all disks here", "`--blkio-weight`, or a limit for one disk: `--device-read-bps /dev/sda:1mb`"),
    (MAKE, &["--cpu-count", "--cpu-percent", "--io-maxbandwidth", "--io-maxiops", "--isolation"], WINDOWS, "leave it out"),
    (MAKE, &["--use-api-socket"], "there is no daemon, and no socket of one", "leave it out"),
    (&["run", "create", "pull", "push"], &["--disable-content-trust"], "no signatures are looked at, so nothing is there to switch off", "leave it out; `NAME@sha256:…` names an image by what is in it"),
    (&["pull", "push"], &["--all-tags", "-a"], "one name is fetched or sent at a time", "say each tag"),
    (&["start"], &["--checkpoint", "--checkpoint-dir"], "a process cannot be frozen to disk here", "`explore pause` holds it in memory"),
    (&["logs"], &["--details"], "nothing is noted beside the lines", "`explore inspect` shows labels and variables"),
    (&["rm"], &["--link", "-l"], "there are no links", "`explore network disconnect NETWORK CONTAINER` takes a container off a network"),
    (&["network create"], &["--ingress", "--attachable", "--scope", "--config-from", "--config-only"], SWARM, "leave it out"),
    (&["network create"], &["--aux-address"], "no address is set aside", "`--ip-range` says which part of the subnet is given out, and `--ip` chooses the one of a container"),
    (&["network create"], &["--ipam-driver", "--ipam-opt", "--opt", "-o"], "there is one driver, and it has no options", "--subnet, --gateway, --internal and --ipv6 are there"),
    (&["network connect"], &["--link", "--link-local-ip", "--driver-opt", "--gw-priority"], "a container has a name and an address on each network, and nothing more", "leave it out"),
    (&["volume create"], &["--opt", "-o"], "volumes are folders of this machine", "mount what you want, then show it inside: `-v /mnt/there:/inside`"),
    (&["images"], &["--tree"], "an index is not kept, only the image for one platform", "`explore history IMAGE` shows its layers"),
];

/// Commands of docker's, why they are not here, and what helps.
#[rustfmt::skip]
const COMMANDS: &[(&str, &str, &str)] = &[
    ("build", "explore does not build images from a Dockerfile", "`explore run`, then `explore commit`; or build elsewhere, and `docker save IMAGE | explore load`"),
    ("buildx", "explore does not build images from a Dockerfile", "`explore run`, then `explore commit`; or build elsewhere, and `docker save IMAGE | explore load`"),
    ("compose", "explore starts one container at a time", "`explore network create` and `explore run --network` connect several"),
    ("login", "explore keeps no passwords", "it reads those that `docker login` or `podman login` leave in ~/.docker/config.json"),
    ("logout", "explore keeps no passwords", "it reads ~/.docker/config.json, and what is no longer there is not used"),
    ("search", "registries are asked for images by name only", "`explore pull NAME`"),
    ("info", "there is no daemon to be asked", "`explore doctor` says what this machine can do"),
    ("version", "there is one program, and no daemon", "`explore --version`"),
    ("events", "nobody watches all containers", "`--narrate` tells each call of one command, and `explore wait` waits for an end"),
    ("export", "a container's files are not packed without what they stand on", "`explore commit` and `explore save`, or `explore cp CONTAINER:/ -` for a tar archive of all files"),
    ("import", "an image is not made of a plain archive", "`explore load` takes what `docker save` writes, and OCI archives"),
    ("system", "there is no daemon with things of its own", "`explore container prune`, `image prune`, `volume prune`, `network prune`; `explore doctor` says what this machine can do"),
    ("swarm", SWARM, "`explore run` starts one container"),
    ("service", SWARM, "`explore run` starts one container"),
    ("context", "there is no daemon elsewhere to speak to", "`--root DIR` keeps a second state"),
];

/// What to say instead of clap's message: why, and what helps.
pub(super) fn of(error: &clap::Error, words: &[&str]) -> Option<(String, &'static str)> {
    let word = |kind| match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word.as_str()),
        _ => None,
    };
    let words = match words {
        ["container" | "image", rest @ ..] => rest,
        all => all,
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let typed = word(ContextKind::InvalidSubcommand)?;
            let (name, why, hint) = COMMANDS.iter().find(|(name, ..)| *name == typed && words.first() == Some(name))?;
            Some((format!("no {name}: {why}"), hint))
        }
        // Of some flags the one value is known that changes nothing.
        ErrorKind::UnknownArgument | ErrorKind::InvalidValue => {
            let flag = word(ContextKind::InvalidArg)?.split(['=', ' ']).next().unwrap_or_default();
            let (first, second) = (words.first()?, words.get(1).unwrap_or(&""));
            let is_meant = |command: &&&str| match command.split_once(' ') {
                Some((group, verb)) => group == *first && verb == *second,
                None => **command == *first,
            };
            let row = FLAGS.iter().find(|(commands, flags, ..)| {
                flags.contains(&flag) && commands.iter().any(|command| is_meant(&command))
            })?;
            let typed = word(ContextKind::InvalidValue).map(|value| format!(" {value}")).unwrap_or_default();
            Some((format!("no {flag}{typed}: {}", row.2), row.3))
        }
        _ => None,
    }
}
