//! `explore kit`: the folder for a workshop's stick, with all that laptops without Internet need.
//!
//! It is made beside its place under another name, and gets its own name when it is whole; whoever finds the folder finds
//! all of it. Nothing in it is a link and no name has a colon, so that it can be copied to FAT.

mod error;
mod packages;
mod program;
mod readme;

pub use error::KitError;

use crate::book::{CarriedError, Pages};
use crate::guest::{Kernel, KernelError};
use crate::image::archive;
use crate::image::digest::Hashing;
use crate::state::{Lock, Roots};
use serde::Serialize;
use std::fmt::Write;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

/// What a folder that is not whole is called, with letters at random behind it.
const UNFINISHED: &str = ".explore-kit-";
/// The Vagrantfile of the sources; empty where they have none.
const VAGRANTFILE: &str = include_str!(concat!(env!("OUT_DIR"), "/Vagrantfile"));
/// Held while one is being made: what has none left was killed.
const LOCK: &str = ".lock";

/// Something that is in a kit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Where, below the kit's folder.
    pub path: String,
    /// What it is, in a few words.
    pub what: String,
    /// Bytes.
    pub bytes: u64,
}

/// Something that a kit can have, and that this one has not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lacking {
    /// What.
    pub what: &'static str,
    /// Why.
    pub why: String,
    /// What helps.
    pub fix: String,
}

/// A kit that is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Made {
    /// Its folder.
    pub folder: PathBuf,
    /// How many files.
    pub files: usize,
    /// Bytes of all of them.
    pub bytes: u64,
    /// What is in it.
    pub parts: Vec<Part>,
    /// What is not.
    pub lacking: Vec<Lacking>,
}

/// A kit that is being made, part by part in any order. Dropped before [`Kit::finish`] it leaves nothing.
#[derive(Debug)]
pub struct Kit {
    place: PathBuf,
    folder: tempfile::TempDir,
    lock: Lock,
    parts: Vec<Part>,
    lacking: Vec<Lacking>,
    programs: Vec<program::Program>,
    packages: Vec<String>,
}

impl Kit {
    /// Begins one that will be `place`, which is new.
    ///
    /// # Errors
    /// [`KitError::Taken`], [`KitError::Write`].
    pub fn begin(place: &Path) -> Result<Self, KitError> {
        if place.symlink_metadata().is_ok() {
            return Err(KitError::Taken(place.to_owned()));
        }
        let parent = match place.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        parent.read_dir().map_err(KitError::write(parent))?;
        sweep(parent);
        let made = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(parent);
        let folder = made.map_err(KitError::write(parent))?;
        let lock = Lock::wait(&folder.path().join(LOCK)).map_err(KitError::write(folder.path()))?;
        let place = place.to_owned();
        let (parts, lacking, programs, packages) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Ok(Self { place, folder, lock, parts, lacking, programs, packages })
    }

    /// This program, and those of other architectures; one that is given for this one's takes its place.
    ///
    /// # Errors
    /// [`KitError::NotAProgram`], [`KitError::TwoPrograms`], those of copying.
    pub fn programs(&mut self, given: &[PathBuf]) -> Result<(), KitError> {
        let own = std::env::current_exe().map_err(KitError::read(Path::new("/proc/self/exe")))?;
        self.programs = program::choose(&own, given)?;
        for program in self.programs.clone() {
            if !program.is_static {
                self.lacking.push(Lacking {
                    what: "static program",
                    why: format!(
                        "{} is linked to the C library of where it was built: it runs where that one is as new",
                        program.from.display()
                    ),
                    fix: "--binary FILE with the static one of a release".into(),
                });
            }
            let to = self.copy(&program.from, &program.name)?;
            executable(&to);
            let what =
                format!("explore for {}{}", program.architecture, if program.is_static { ", static" } else { "" });
            self.part(&program.name, what)?;
        }
        Ok(())
    }

    /// The book and the leaflet, where this program carries them.
    ///
    /// # Errors
    /// [`KitError::Book`].
    pub fn book(&mut self) -> Result<(), KitError> {
        let fix = || "a release carries it; `explore book` of such a one writes it".to_owned();
        let pages = match Pages::carried() {
            Ok(pages) => pages,
            Err(error @ CarriedError::None) => {
                self.lacking.push(Lacking { what: "book and leaflet", why: error.to_string(), fix: fix() });
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let book = self.path("book");
        pages.write(&book)?;
        match std::fs::rename(book.join("leaflet"), self.path("leaflet")) {
            Ok(()) => self.part("leaflet", "a page for each who takes part, in English and Chinese".into())?,
            Err(error) => self.lacking.push(Lacking { what: "leaflet", why: error.to_string(), fix: fix() }),
        }
        self.part("book", "index.html in a folder for each language".into())
    }

    /// The Vagrantfile, and boxes for it, each named after its provider.
    ///
    /// # Errors
    /// [`KitError::Box`], those of copying.
    pub fn boxes(&mut self, boxes: &[PathBuf]) -> Result<(), KitError> {
        if VAGRANTFILE.is_empty() {
            let why = "this build of explore carries none".to_owned();
            self.lacking.push(Lacking { what: "Vagrantfile", why, fix: "a build of sources that have one".into() });
        } else {
            let to = self.path("Vagrantfile");
            std::fs::write(&to, VAGRANTFILE).map_err(KitError::write(&to))?;
            self.part("Vagrantfile", "what `vagrant up` reads; it installs the program that lies beside it".into())?;
        }
        if boxes.is_empty() {
            let why = "none was named: laptops without Linux have nothing to start".to_owned();
            self.lacking.push(Lacking { what: "boxes", why, fix: "--box FILE, one for each provider".into() });
        }
        for file in boxes {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let provider = ["virtualbox", "libvirt"].into_iter().find(|provider| name.contains(provider));
            let known = provider.filter(|_| file.extension().is_some_and(|end| end == "box"));
            let provider = known.ok_or_else(|| KitError::Box(file.clone()))?;
            self.copy(file, &format!("boxes/{name}"))?;
            self.part(&format!("boxes/{name}"), format!("a machine for vagrant up --provider {provider}"))?;
        }
        Ok(())
    }

    /// The kernel of `explore guest`: what is named, else what it would take here.
    ///
    /// # Errors
    /// [`KitError::Kernel`] for one that is named, [`KitError::Guest`].
    pub fn guest(&mut self, named: Option<&Path>) -> Result<(), KitError> {
        let kernel = match Kernel::find(named) {
            Ok(kernel) => kernel,
            Err(error @ KernelError::None { .. }) if named.is_none() => {
                let fix = "--kernel with the folder of an unpacked linux-image package".into();
                self.lacking.push(Lacking { what: "guest kernel", why: error.to_string(), fix });
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        kernel.copy_to(&self.path("guest"))?;
        self.part("guest", format!("Linux {} for `explore guest`; its initrd is made on each laptop", kernel.release))
    }

    /// Debian packages with all that they depend on, and how to install them.
    ///
    /// # Errors
    /// [`KitError::NoTool`], [`KitError::Apt`].
    pub fn packages(&mut self, names: &[String]) -> Result<(), KitError> {
        if names.is_empty() {
            let why = "not asked for: laptops that have no QEMU do without `explore guest`".to_owned();
            self.lacking.push(Lacking { what: "packages", why, fix: "--packages".into() });
            return Ok(());
        }
        let number = packages::download(names, &self.path("packages"))?;
        names.clone_into(&mut self.packages);
        self.part("packages", format!("{}, {number} packages of {}", names.join(", "), packages::release()))
    }

    /// Images that are here, each as an OCI archive.
    ///
    /// # Errors
    /// [`KitError::Image`], [`KitError::Write`].
    pub fn images(&mut self, roots: &Roots, names: &[String]) -> Result<(), KitError> {
        for name in names {
            let path = format!("images/{}.tar", name.replace(['/', ':', '@'], "_"));
            let to = self.path(&path);
            std::fs::create_dir_all(self.path("images")).map_err(KitError::write(&to))?;
            let file = File::create_new(&to).map_err(KitError::write(&to))?;
            archive::save(roots, std::slice::from_ref(name), BufWriter::new(file), &to)?;
            self.part(&path, format!("the image {name}, for `explore load`"))?;
        }
        Ok(())
    }

    /// Writes what goes with all of it, and gives the folder its name.
    ///
    /// # Errors
    /// [`KitError::Write`], [`KitError::Taken`] where somebody was faster.
    pub fn finish(self) -> Result<Made, KitError> {
        let text = readme::text(&self.programs, &self.parts, &self.packages);
        let readme = self.path("README.txt");
        std::fs::write(&readme, text).map_err(KitError::write(&readme))?;
        let failed = KitError::write(self.folder.path());
        std::fs::remove_file(self.path(LOCK)).map_err(KitError::write(self.folder.path()))?;
        let (files, bytes) = sums(self.folder.path()).map_err(failed)?;
        open_to_all(self.folder.path());
        if self.place.symlink_metadata().is_ok() {
            return Err(KitError::Taken(self.place));
        }
        std::fs::rename(self.folder.path(), &self.place).map_err(KitError::write(&self.place))?;
        // It is the kit now, and not to be removed.
        let _ = self.folder.keep();
        drop(self.lock);
        Ok(Made { folder: self.place, files, bytes, parts: self.parts, lacking: self.lacking })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn copy(&self, from: &Path, name: &str) -> Result<PathBuf, KitError> {
        let to = self.path(name);
        let folder = to.parent().unwrap_or(self.folder.path());
        std::fs::create_dir_all(folder).map_err(KitError::write(folder))?;
        let mut source = File::open(from).map_err(KitError::read(from))?;
        let mut target = File::create_new(&to).map_err(KitError::write(&to))?;
        io::copy(&mut source, &mut target).map_err(KitError::write(&to))?;
        Ok(to)
    }

    fn part(&mut self, path: &str, what: String) -> Result<(), KitError> {
        let all = files(&self.path(path)).map_err(KitError::read(&self.path(path)))?;
        self.parts.push(Part { path: path.to_owned(), what, bytes: all.iter().map(|(_, bytes)| bytes).sum() });
        Ok(())
    }
}

/// Takes away what killed ones have left there: a lock goes with its process.
fn sweep(parent: &Path) {
    for entry in parent.read_dir().into_iter().flatten().filter_map(Result::ok) {
        let lock = entry.path().join(LOCK);
        let ours = entry.file_name().to_string_lossy().starts_with(UNFINISHED) && lock.is_file();
        if ours && matches!(Lock::try_now(&lock), Ok(Some(_))) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// All files below a path, or the one that it is, with their sizes, in order.
fn files(path: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
    let data = path.symlink_metadata()?;
    if !data.is_dir() {
        return Ok(vec![(path.to_owned(), data.len())]);
    }
    let mut all = Vec::new();
    for entry in path.read_dir()? {
        all.extend(files(&entry?.path())?);
    }
    all.sort();
    Ok(all)
}

/// Writes `SHA256SUMS`, as sha256sum(1) checks it; how many files there are then, and their bytes.
fn sums(folder: &Path) -> io::Result<(usize, u64)> {
    let all = files(folder)?;
    let mut text = String::new();
    for (path, _) in &all {
        let mut hashing = Hashing::new(io::sink());
        io::copy(&mut File::open(path)?, &mut hashing)?;
        let name = path.strip_prefix(folder).unwrap_or(path).display();
        let _ = writeln!(text, "{}  {name}", hashing.finish().1.hex());
    }
    std::fs::write(folder.join("SHA256SUMS"), &text)?;
    Ok((all.len() + 1, all.iter().map(|(_, bytes)| bytes).sum::<u64>() + text.len() as u64))
}

/// Whoever gets the folder may read it: one for a time has mode 700. FAT has no modes, and needs none.
fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let _ = std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755));
}

fn executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let _ = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755));
}
