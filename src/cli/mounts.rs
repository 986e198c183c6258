//! The flags of `create` and `run` that mount something beside the image, named as docker names them.

use crate::stages::create::{MountError, Wanted, bytes, parse_from, parse_mount, parse_tmpfs, parse_volume};

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
        Ok(Wanted { mounts, from, shm_size: self.shm_size, read_only: self.read_only })
    }
}

fn size(text: &str) -> Result<i64, String> {
    bytes(text).ok().filter(|size| *size >= 0).ok_or_else(|| format!("invalid size: '{text}'"))
}
