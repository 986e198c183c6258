//! Debian packages for laptops without a network: what apt-get would install on a machine that has nothing, and an index,
//! so that apt takes of it what a laptop lacks.

use super::KitError;
use crate::image::digest::Hashing;
use crate::probe::need::surroundings::find_program;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Installs from the folder that it lies in, and asks no other source.
const INSTALL: &str = include_str!("install.sh");

/// Downloads `names` and all that they depend on into `folder`; how many packages that are. Needs no root.
pub(super) fn download(names: &[String], folder: &Path) -> Result<usize, KitError> {
    let tool = |name| find_program(name).ok_or(KitError::NoTool(name));
    let (apt, deb) = (tool("apt-get")?, tool("dpkg-deb")?);
    let failed = KitError::write(folder);
    // In a place of its own: apt wants to write beside what it reads.
    let scratch = tempfile::tempdir().map_err(KitError::write(&std::env::temp_dir()))?;
    let prepare = || {
        std::fs::write(scratch.path().join("status"), "")?;
        std::fs::create_dir_all(folder.join("partial"))
    };
    prepare().map_err(failed)?;
    let run = |how: &str| {
        let words = words(how, names, folder, scratch.path());
        let output = Command::new(&apt).args(words).env("LC_ALL", "C").output();
        let output = output.map_err(KitError::read(Path::new("apt-get")))?;
        if output.status.success() { Ok(output) } else { Err(KitError::Apt { said: complaint(&output) }) }
    };
    run("--download-only")?;
    copy_local(&String::from_utf8_lossy(&run("--print-uris")?.stdout), folder)?;
    let _ = std::fs::remove_dir_all(folder.join("partial"));
    let _ = std::fs::remove_file(folder.join("lock"));
    index(&deb, folder, names)
}

/// Copies what still is to come: apt does not download from a source that is a folder (`file:`). Each line is
/// `'file:/srv/debian/pool/x.deb' x.deb 1234 SHA256:…`.
fn copy_local(uris: &str, folder: &Path) -> Result<(), KitError> {
    for line in uris.lines().filter(|line| line.starts_with('\'')) {
        let mut words = line.split(' ').map(|word| word.trim_matches('\''));
        let (uri, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let path = uri.strip_prefix("file:").ok_or_else(|| KitError::Apt { said: format!("{uri} has not come") })?;
        // A double slash begins a host in a URI, and there is none.
        let path = Path::new("/").join(path.trim_start_matches('/'));
        std::fs::copy(&path, folder.join(name)).map_err(KitError::read(&path))?;
    }
    Ok(())
}

/// `install` on a machine on which nothing is installed, and no further than `how`.
fn words(how: &str, names: &[String], folder: &Path, scratch: &Path) -> Vec<String> {
    let mut words: Vec<String> =
        ["install", how, "--no-install-recommends", "--yes", "--quiet"].map(str::to_owned).into();
    for (option, value) in [
        ("Dir::State::status", scratch.join("status").display().to_string()),
        ("Dir::Cache::archives", format!("{}/", folder.display())),
        ("Dir::Cache::pkgcache", String::new()),
        ("Dir::Cache::srcpkgcache", String::new()),
        ("Debug::NoLocking", "1".into()),
        ("APT::Sandbox::User", String::new()),
    ] {
        words.extend(["-o".into(), format!("{option}={value}")]);
    }
    words.push("--".into());
    words.extend(names.iter().cloned());
    words
}

/// What apt-get says first of what went wrong: `E: Unable to locate package x`.
fn complaint(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find_map(|line| line.strip_prefix("E: ")).or_else(|| text.lines().last());
    line.map_or_else(|| format!("apt-get: {}", output.status), |line| format!("apt-get: {line}"))
}

/// `Packages`, as apt reads it from a folder (deb-control(5), with where each file is), and the script beside it.
fn index(deb: &Path, folder: &Path, names: &[String]) -> Result<usize, KitError> {
    let list = folder.read_dir().map_err(KitError::read(folder))?;
    let mut all: Vec<PathBuf> = list.filter_map(Result::ok).map(|entry| entry.path()).collect();
    all.retain(|path| path.extension().is_some_and(|end| end == "deb"));
    for path in &mut all {
        // The colon of an epoch is `%3a` in the name of a file, and a URL would have it as something else.
        let plain = path.with_file_name(path.file_name().unwrap_or_default().to_string_lossy().replace("%3a", "-"));
        std::fs::rename(&*path, &plain).map_err(KitError::write(path))?;
        *path = plain;
    }
    all.sort();
    let mut text = String::new();
    for path in &all {
        text += &entry(deb, path).map_err(KitError::read(path))?;
    }
    let script = INSTALL.replace("NAMES", &names.join(" "));
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text);
    write("Packages", &text).and_then(|()| write("install.sh", &script)).map_err(KitError::write(folder))?;
    Ok(all.len())
}

fn entry(deb: &Path, path: &Path) -> io::Result<String> {
    let output = Command::new(deb).arg("--field").arg(path).output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    let mut hashing = Hashing::new(io::sink());
    io::copy(&mut File::open(path)?, &mut hashing)?;
    let (_, digest, bytes) = hashing.finish();
    let control = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(format!("{control}\nFilename: ./{name}\nSize: {bytes}\nSHA256: {}\n\n", digest.hex()))
}

/// What this system calls itself: its packages are for its kind.
pub(super) fn release() -> String {
    let text = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.map_or_else(|| "this system".into(), |name| name.trim_matches('"').to_owned())
}
