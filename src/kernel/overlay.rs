//! The union: read-only layers below, one writable layer on top. Documentation/filesystems/overlayfs.rst.
//!
//! | option | what it is |
//! |---|---|
//! | `lowerdir=A:B` | the image's layers, topmost first |
//! | `upperdir` | what this container writes, and its whiteouts |
//! | `workdir` | where overlayfs prepares a copy-up before it renames it into place; same filesystem as upper |
//! | `userxattr` | in a user namespace: marks are kept as `user.overlay.*`, not as `trusted.*` (Linux 5.11) |
//! | `volatile` | nobody needs the upper after a crash: its end does not write the whole disk out (Linux 5.10) |

use super::{Result, mount, user};
use nix::mount::MsFlags;
use std::path::Path;

/// mount(2) copies its options into one page.
pub const OPTIONS_LIMIT: usize = 4095;

/// The mark that makes a folder hide what lower layers have under its name. `trusted.*` may be set only in the first user
/// namespace; elsewhere overlayfs is mounted with `userxattr`.
pub fn opaque_attribute() -> &'static str {
    let is_first_namespace = !user::in_user_namespace() && nix::unistd::geteuid().is_root();
    if is_first_namespace { "trusted.overlay.opaque" } else { "user.overlay.opaque" }
}

/// What is said of an overlay besides its folders.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Manner {
    /// It is mounted in a user namespace.
    pub in_user_namespace: bool,
    /// Its upper need not survive a crash of the machine.
    pub volatile: bool,
}

/// The options of an overlay mount. `lower` is topmost first.
pub fn options(lower: &[impl AsRef<Path>], upper: &Path, work: &Path, manner: Manner) -> String {
    let lower: Vec<String> = lower.iter().map(|layer| escape(layer.as_ref(), true)).collect();
    let userxattr = if manner.in_user_namespace { ",userxattr" } else { "" };
    let volatile = if manner.volatile { ",volatile" } else { "" };
    let (upper, work) = (escape(upper, false), escape(work, false));
    format!("lowerdir={},upperdir={upper},workdir={work}{userxattr}{volatile}", lower.join(":"))
}

/// An overlay that was `volatile` leaves a mark in its work folder, and no overlay is mounted on a marked one: the kernel
/// cannot know whether the machine has crashed since (overlayfs.rst, "Volatile mount"). The caller has to, or not to mind.
///
/// # Errors
/// Something of the mark stays.
pub fn forget_volatile(work: &Path) -> std::io::Result<()> {
    let mark = work.join("work/incompat/volatile");
    match std::fs::remove_file(mark.join("dirty")) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => std::fs::remove_dir(mark),
    }
}

/// Mounts the union at `target`. The caller stands in the folder that relative layer names start from.
///
/// Devices on it stay closed (MS_NODEV): an image may bring device nodes, and root in a container can make more.
///
/// # Errors
/// The mount(2) that failed.
pub fn mount_overlay(target: &Path, options: &str, why: &str) -> Result<()> {
    mount::mount("overlay", target, "overlay", MsFlags::MS_NODEV, options, why)
}

/// A comma ends an option, a colon ends a layer; both may stand in the name of a folder.
fn escape(path: &Path, in_list: bool) -> String {
    let mut text = String::new();
    for letter in path.to_string_lossy().chars() {
        if letter == '\\' || letter == ',' || (in_list && letter == ':') {
            text.push('\\');
        }
        text.push(letter);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_name_cannot_become_an_option() {
        let text = options(&["a:b", "c,d"], Path::new("/u,userxattr"), Path::new("/w"), Manner::default());
        assert_eq!(text, "lowerdir=a\\:b:c\\,d,upperdir=/u\\,userxattr,workdir=/w");
    }
}
