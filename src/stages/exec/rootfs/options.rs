//! The options of a mount in config.json: words that are flags of mount(2), words about the mount itself, words for the
//! filesystem (runtime-spec config.md, "Linux mount options"; the list is runc's, libcontainer/specconv).

use nix::mount::MsFlags;

/// What the words of one mount say.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::stages::exec) struct Options {
    /// Of a new filesystem.
    pub(in crate::stages::exec) flags: MsFlags,
    /// For the filesystem itself.
    pub(in crate::stages::exec) data: String,
    /// It is something of the host, shown again.
    pub(in crate::stages::exec) bind: bool,
    /// With what is mounted below it.
    pub(in crate::stages::exec) recursive: bool,
    /// Whether mounts made below it later pass on (mount_namespaces(7)): MS_PRIVATE and its like, with MS_REC or without.
    pub(in crate::stages::exec) propagation: Option<MsFlags>,
    /// Attributes of a shown thing that are taken off, as `suid` takes off `nosuid`.
    pub(in crate::stages::exec) cleared: MsFlags,
}

/// Words that set a flag, and their opposites.
const FLAGS: [(&str, &str, MsFlags); 13] = [
    ("ro", "rw", MsFlags::MS_RDONLY),
    ("nosuid", "suid", MsFlags::MS_NOSUID),
    ("nodev", "dev", MsFlags::MS_NODEV),
    ("noexec", "exec", MsFlags::MS_NOEXEC),
    ("noatime", "atime", MsFlags::MS_NOATIME),
    ("nodiratime", "diratime", MsFlags::MS_NODIRATIME),
    ("relatime", "norelatime", MsFlags::MS_RELATIME),
    ("strictatime", "nostrictatime", MsFlags::MS_STRICTATIME),
    ("sync", "async", MsFlags::MS_SYNCHRONOUS),
    ("dirsync", "", MsFlags::MS_DIRSYNC),
    ("mand", "nomand", MsFlags::MS_MANDLOCK),
    ("silent", "loud", MsFlags::MS_SILENT),
    ("iversion", "noiversion", MsFlags::MS_I_VERSION),
];

const PROPAGATION: [(&str, MsFlags); 4] = [
    ("private", MsFlags::MS_PRIVATE),
    ("slave", MsFlags::MS_SLAVE),
    ("shared", MsFlags::MS_SHARED),
    ("unbindable", MsFlags::MS_UNBINDABLE),
];

impl Options {
    pub(in crate::stages::exec) fn read(words: &[String]) -> Self {
        let none = MsFlags::empty();
        let mut options =
            Self { flags: none, data: String::new(), bind: false, recursive: false, propagation: None, cleared: none };
        for word in words {
            options.take(word);
        }
        options
    }

    fn take(&mut self, word: &str) {
        if let Some((_, _, flag)) = FLAGS.iter().find(|(set, _, _)| *set == word) {
            self.flags |= *flag;
            self.cleared -= *flag;
        } else if let Some((_, _, flag)) = FLAGS.iter().find(|(_, clear, _)| *clear == word && !word.is_empty()) {
            self.flags -= *flag;
            self.cleared |= *flag;
        } else if let Some(how) = propagation(word) {
            self.propagation = Some(how);
        } else {
            match word {
                "bind" | "rbind" => {
                    self.bind = true;
                    self.recursive = word == "rbind";
                }
                "defaults" => {}
                other if self.data.is_empty() => other.clone_into(&mut self.data),
                other => self.data = format!("{},{other}", self.data),
            }
        }
    }

    /// The MOUNT_ATTR_* bits of `flags` (mount_setattr(2)): what can be said of a mount, whatever it shows.
    pub(in crate::stages::exec) fn attributes(flags: MsFlags) -> u64 {
        let table = [
            (MsFlags::MS_RDONLY, libc::MOUNT_ATTR_RDONLY),
            (MsFlags::MS_NOSUID, libc::MOUNT_ATTR_NOSUID),
            (MsFlags::MS_NODEV, libc::MOUNT_ATTR_NODEV),
            (MsFlags::MS_NOEXEC, libc::MOUNT_ATTR_NOEXEC),
            (MsFlags::MS_NODIRATIME, libc::MOUNT_ATTR_NODIRATIME),
            (MsFlags::MS_NOATIME, libc::MOUNT_ATTR_NOATIME),
            (MsFlags::MS_STRICTATIME, libc::MOUNT_ATTR_STRICTATIME),
        ];
        table.iter().filter(|(flag, _)| flags.contains(*flag)).fold(0, |bits, (_, bit)| bits | bit)
    }
}

/// `private`, `rprivate`, `slave`, …
pub(in crate::stages::exec) fn propagation(word: &str) -> Option<MsFlags> {
    let find = |word: &str| PROPAGATION.iter().find(|(name, _)| *name == word).map(|(_, how)| *how);
    find(word).or_else(|| word.strip_prefix('r').and_then(find).map(|how| how | MsFlags::MS_REC))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Options {
        Options::read(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_later_word_takes_an_earlier_one_back() {
        let options = read(&["ro", "nosuid", "rw", "mode=755", "size=64k", "suid", "nosuid"]);
        assert_eq!((options.flags, options.cleared), (MsFlags::MS_NOSUID, MsFlags::MS_RDONLY));
        assert_eq!(options.data, "mode=755,size=64k");
    }

    #[test]
    fn recursion_is_a_letter() {
        let options = read(&["rbind", "rslave"]);
        assert!(options.bind && options.recursive && options.data.is_empty());
        assert_eq!(options.propagation, Some(MsFlags::MS_SLAVE | MsFlags::MS_REC));
        assert_eq!(read(&["bind", "private"]).propagation, Some(MsFlags::MS_PRIVATE));
        assert_eq!(propagation("ro"), None);
    }
}
