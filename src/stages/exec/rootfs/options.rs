//! The words of `options` in config.json: mount(8).

use nix::mount::MsFlags;

/// The options of a mount entry: those that are flags, and those for the filesystem itself.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) flags: MsFlags,
    pub(super) data: String,
    pub(super) bind: bool,
    /// With what is mounted below.
    pub(super) recursive: bool,
    /// What passes between the two views; `None` as it comes.
    pub(super) propagation: Option<MsFlags>,
}

impl Options {
    pub(super) fn read(words: &[String]) -> Self {
        let mut options =
            Self { flags: MsFlags::empty(), data: String::new(), bind: false, recursive: false, propagation: None };
        for word in words {
            match word.as_str() {
                "ro" => options.flags |= MsFlags::MS_RDONLY,
                "nosuid" => options.flags |= MsFlags::MS_NOSUID,
                "nodev" => options.flags |= MsFlags::MS_NODEV,
                "noexec" => options.flags |= MsFlags::MS_NOEXEC,
                "relatime" => options.flags |= MsFlags::MS_RELATIME,
                "strictatime" => options.flags |= MsFlags::MS_STRICTATIME,
                "bind" => options.bind = true,
                "rbind" => (options.bind, options.recursive) = (true, true),
                "private" => options.propagation = Some(MsFlags::MS_PRIVATE),
                "rprivate" => options.propagation = Some(MsFlags::MS_PRIVATE | MsFlags::MS_REC),
                "slave" => options.propagation = Some(MsFlags::MS_SLAVE),
                "rslave" => options.propagation = Some(MsFlags::MS_SLAVE | MsFlags::MS_REC),
                "shared" => options.propagation = Some(MsFlags::MS_SHARED),
                "rshared" => options.propagation = Some(MsFlags::MS_SHARED | MsFlags::MS_REC),
                "sync" => options.flags |= MsFlags::MS_SYNCHRONOUS,
                "dirsync" => options.flags |= MsFlags::MS_DIRSYNC,
                "mand" => options.flags |= MsFlags::MS_MANDLOCK,
                "noatime" => options.flags |= MsFlags::MS_NOATIME,
                "nodiratime" => options.flags |= MsFlags::MS_NODIRATIME,
                "rw" | "suid" | "dev" | "exec" | "async" | "nomand" | "atime" | "diratime" | "norelatime"
                | "nostrictatime" | "defaults" => {}
                other if options.data.is_empty() => other.clone_into(&mut options.data),
                other => options.data = format!("{},{other}", options.data),
            }
        }
        options
    }
}
