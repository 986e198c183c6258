//! The flags of `create` and `run` that mount something beside the image, named as docker names them.

use crate::stages::create::{
    Files, MountError, MountPoint, Wanted, bytes, parse_from, parse_mount, parse_tmpfs, parse_volume,
};

/// Everything after `Files` in `explore run --help`.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Files")]
pub(super) struct MountFlags {
    /// Show something inside: a volume `NAME:/inside`, a folder or file `/here:/inside`, a new volume `/inside`; with
    /// `:ro` not to be written
    #[arg(short, long, value_name = "VOLUME")]
    volume: Vec<String>,
    /// The same in words: `type=bind,src=/here,dst=/inside,readonly`
    #[arg(long, value_name = "MOUNT")]
    mount: Vec<String>,
    /// Memory as a folder: `/inside:size=64m,mode=1777`
    #[arg(long, value_name = "FOLDER")]
    tmpfs: Vec<String>,
    /// All that another container has mounted: NAME, or NAME:ro
    #[arg(long, value_name = "CONTAINER")]
    volumes_from: Vec<String>,
    /// Nothing of the image's files is written: volumes, /dev and memory still are
    #[arg(long)]
    read_only: bool,
    /// Size of /dev/shm, 64m without
    #[arg(long, value_parser = size, value_name = "BYTES", allow_hyphen_values = true)]
    shm_size: Option<i64>,
}

impl MountFlags {
    /// As the stage takes them.
    pub(super) fn wanted(&self) -> Result<Wanted, MountError> {
        let mut mounts = Vec::new();
        for given in &self.volume {
            mounts.push(parse_volume(given)?);
        }
        for given in &self.mount {
            mounts.push(parse_mount(given)?);
        }
        for given in &self.tmpfs {
            mounts.push(parse_tmpfs(given)?);
        }
        let from = self.volumes_from.iter().map(|given| parse_from(given)).collect::<Result<_, _>>()?;
        let typed = self.typed(&mounts[self.volume.len()..][..self.mount.len()]);
        Ok(Wanted { mounts, from, shm_size: self.shm_size, read_only: self.read_only, typed })
    }

    /// What `inspect` shows of it. A folder that was named from where we stand is another from elsewhere.
    fn typed(&self, mounts: &[MountPoint]) -> Files {
        let (nameless, binds): (Vec<&String>, Vec<&String>) = self.volume.iter().partition(|one| !one.contains(':'));
        let absolute = |one: &String| {
            let path = one.starts_with('.').then(|| one.split_once(':')).flatten();
            let found = path.and_then(|(here, rest)| Some((std::path::absolute(here).ok()?, rest)));
            found.map_or_else(|| one.clone(), |(here, rest)| format!("{}:{rest}", here.display()))
        };
        let memory =
            |one: &String| one.split_once(':').map_or((one.clone(), String::new()), |(a, b)| (a.into(), b.into()));
        Files {
            binds: binds.into_iter().map(absolute).collect(),
            nameless: nameless.into_iter().cloned().collect(),
            mounts: mounts.to_vec(),
            tmpfs: self.tmpfs.iter().map(memory).collect(),
            from: self.volumes_from.clone(),
            shm_size: self.shm_size,
        }
    }
}

fn size(text: &str) -> Result<i64, String> {
    bytes(text).ok().filter(|size| *size >= 0).ok_or_else(|| format!("invalid size: '{text}'"))
}
