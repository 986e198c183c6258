//! `--tmpfs /inside:size=64m,noexec`: memory as a folder. tmpfs(5), mount(8).

use super::{MountError, MountPoint, What, target};

/// What docker gives where nothing else is asked for: no programs, no set-user-ID, no devices.
const DEFAULTS: [&str; 3] = ["noexec", "nosuid", "nodev"];

/// Words that switch something, each with its opposite (moby `pkg/mount`, `flags`; those that mean something here).
const SWITCHES: [(&str, &str); 12] = [
    ("ro", "rw"),
    ("nosuid", "suid"),
    ("nodev", "dev"),
    ("noexec", "exec"),
    ("sync", "async"),
    ("dirsync", "dirsync"),
    ("mand", "nomand"),
    ("noatime", "atime"),
    ("nodiratime", "diratime"),
    ("relatime", "norelatime"),
    ("strictatime", "nostrictatime"),
    ("defaults", "defaults"),
];

/// Words with a value.
const VALUES: [&str; 7] = ["mode", "uid", "gid", "size", "nr_inodes", "nr_blocks", "mpol"];

/// Reads what `--tmpfs` was given.
///
/// # Errors
/// [`MountError::Target`], [`MountError::Tmpfs`].
pub fn parse_tmpfs(given: &str) -> Result<MountPoint, MountError> {
    let (inside, options) = given.split_once(':').unwrap_or((given, ""));
    let inside = if inside.is_empty() {
        Err("invalid mount path: '' mount path must be absolute".into())
    } else {
        target(inside)
    };
    let words: Vec<&str> = options.split(',').filter(|word| !word.is_empty()).collect();
    Ok(MountPoint { target: inside.map_err(MountError::Target)?, read_only: false, what: memory(&words)? })
}

/// The defaults with these over them: of two that say the same thing, the last holds.
pub(super) fn memory(words: &[&str]) -> Result<What, MountError> {
    if let Some(odd) = words.iter().find(|word| subject(word).is_none()) {
        return Err(MountError::Tmpfs((*odd).to_owned()));
    }
    let mut kept: Vec<&str> = Vec::new();
    for word in DEFAULTS.iter().chain(words) {
        kept.retain(|other| subject(other) != subject(word));
        kept.push(word);
    }
    kept.retain(|word| *word != "defaults");
    Ok(What::Tmpfs { options: kept.into_iter().map(str::to_owned).collect() })
}

/// What a word is about; `None` for one that tmpfs does not know.
fn subject(word: &str) -> Option<&'static str> {
    let switch = SWITCHES.iter().find(|(on, off)| *on == word || *off == word).map(|(on, _)| *on);
    let value = || word.split_once('=').and_then(|(name, _)| VALUES.iter().find(|one| **one == name).copied());
    switch.or_else(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_two_words_holds() {
        let options = |given: &str| match parse_tmpfs(given).unwrap().what {
            What::Tmpfs { options } => options.join(","),
            other => format!("{other:?}"),
        };
        assert_eq!(options("/x"), "noexec,nosuid,nodev");
        assert_eq!(options("/x:"), "noexec,nosuid,nodev");
        assert_eq!(options("/x:exec"), "nosuid,nodev,exec");
        assert_eq!(options("/x:noexec,exec,size=64m,size=1m"), "nosuid,nodev,exec,size=1m");
        let told = |given: &str| parse_tmpfs(given).unwrap_err().to_string();
        assert_eq!(told("/x:bogus"), "invalid tmpfs option [\"bogus\"]");
        assert_eq!(told("run"), "invalid mount path: 'run' mount path must be absolute");
        assert_eq!(told("/"), "invalid specification: destination can't be '/'");
    }
}
