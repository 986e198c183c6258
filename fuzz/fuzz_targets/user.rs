//! `--user`, looked up in an image's /etc/passwd and /etc/group: three texts with a 0 between.
#![no_main]

use explore::stages::user::{Files, Wanted};
use libfuzzer_sys::fuzz_target;
use std::os::fd::AsFd;

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(4, |byte| *byte == 0);
    let mut next = || parts.next().unwrap_or_default();
    let (user, group, passwd, groups) = (next(), next(), next(), next());
    let root = tempfile::Builder::new().prefix("fuzz-").tempdir_in("/dev/shm").unwrap();
    let etc = root.path().join("etc");
    std::fs::create_dir(&etc).unwrap();
    std::fs::write(etc.join("passwd"), passwd).unwrap();
    std::fs::write(etc.join("group"), groups).unwrap();
    let folder = std::fs::File::open(root.path()).unwrap();
    let Ok(files) = Files::under(folder.as_fd()) else { return };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let further = if group.is_empty() { Vec::new() } else { vec![text(group)] };
    let Ok(who) = (Wanted { user: text(user), groups: further }).identify(&files) else { return };
    let largest = i32::MAX as u32;
    assert!(who.uid <= largest && who.gid <= largest && who.groups.iter().all(|one| *one <= largest), "{who:?}");
    assert!(who.groups.contains(&who.gid), "{who:?}");
    assert!(!who.home.is_empty(), "{who:?}");
});
