//! Which kernel a guest boots, and where its modules are.

use super::{GuestError, modules};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A kernel that can be booted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// The image.
    pub image: PathBuf,
    /// What uname(2) will say: `6.1.0-44-cloud-amd64`.
    pub release: String,
    /// `lib/modules/RELEASE`.
    pub modules: PathBuf,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// Nothing was named, and no usual place has one.
    #[error("no kernel to boot: looked in {}", looked.join(", "))]
    None {
        /// The folders.
        looked: Vec<String>,
    },
    /// It cannot be read.
    #[error("cannot read the kernel {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is something else.
    #[error("{} is no Linux kernel for this processor (a bzImage of x86-64)", path.display())]
    NotAKernel {
        /// The file.
        path: PathBuf,
    },
    /// An image alone, of a kernel that keeps its drivers in modules.
    #[error("the kernel {} has no modules beside it: looked in {}", path.display(), looked.join(", "))]
    NoModules {
        /// The image.
        path: PathBuf,
        /// The folders.
        looked: Vec<String>,
    },
}

impl KernelError {
    /// What the reader can do.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::None { .. } | Self::NoModules { .. } => {
                "Debian's package linux-image-cloud-amd64 depends on one; without root: `apt-get download` that one, \
                 `dpkg -x FILE.deb DIR`, `explore guest --kernel DIR ...`"
            }
            Self::Read { .. } => {
                "some systems keep /boot/vmlinuz-* for root; `explore guest --kernel` takes another one"
            }
            Self::NotAKernel { .. } => {
                "`--kernel` takes an image such as /boot/vmlinuz-*, or the folder of an unpacked package"
            }
        }
    }
}

/// What a folder's kernels are called, by all distributions that keep several.
const NAME: &str = "vmlinuz";

impl Kernel {
    /// The kernel that `named` means (an image, or a folder that a package was unpacked into); without it the newest of
    /// `/boot` that can be read and has its modules, then that of a kit.
    ///
    /// # Errors
    /// [`KernelError`].
    pub fn find(named: Option<&Path>) -> Result<Self, KernelError> {
        if let Some(path) = named {
            return if path.is_dir() { Self::newest(&[path.join("boot"), path.to_owned()]) } else { Self::at(path) };
        }
        Self::newest(&usual_places())
    }

    /// Copies the image and what a guest needs of its modules into `folder`: `boot/`, `lib/modules/RELEASE/`, which is what
    /// [`Kernel::find`] looks for beside this program.
    ///
    /// # Errors
    /// [`GuestError::Modules`], [`GuestError::Step`].
    pub fn copy_to(&self, folder: &Path) -> Result<(), GuestError> {
        let unread = |source| GuestError::Modules { folder: self.modules.display().to_string(), source };
        let modules = modules::files(&self.modules).map_err(unread)?;
        let below = folder.join("lib/modules").join(&self.release);
        let copy = |from: &Path, to: &Path| -> io::Result<()> {
            std::fs::create_dir_all(to.parent().unwrap_or(folder))?;
            io::copy(&mut File::open(from)?, &mut File::create(to)?).map(drop)
        };
        let failed = |source| GuestError::Step { step: "copy the guest's kernel", source };
        copy(&self.image, &folder.join("boot").join(format!("{NAME}-{}", self.release))).map_err(failed)?;
        modules.iter().try_for_each(|path| {
            let name = path.strip_prefix(&self.modules).unwrap_or(path);
            copy(path, &below.join(name)).map_err(failed)
        })
    }

    /// The youngest of the first folder that has any; what is wrong with it, where all are of no use.
    fn newest(folders: &[PathBuf]) -> Result<Self, KernelError> {
        let mut problem = None;
        for folder in folders {
            for image in images(folder) {
                match Self::at(&image) {
                    Ok(kernel) => return Ok(kernel),
                    Err(error) => problem = problem.or(Some(error)),
                }
            }
        }
        let looked = folders.iter().map(|folder| folder.display().to_string()).collect();
        Err(problem.unwrap_or(KernelError::None { looked }))
    }

    fn at(path: &Path) -> Result<Self, KernelError> {
        let read = |source| KernelError::Read { path: path.to_owned(), source };
        let image = path.canonicalize().map_err(read)?;
        let release = release(&image).map_err(read)?;
        let release = release.ok_or_else(|| KernelError::NotAKernel { path: path.to_owned() })?;
        let folder = image.parent().unwrap_or(Path::new("/"));
        let above = folder.parent().unwrap_or(folder);
        let tops = [above.join("lib"), above.join("usr/lib"), folder.join("lib"), PathBuf::from("/lib")];
        let places = tops.map(|top| top.join("modules").join(&release));
        match places.iter().find(|place| place.join("kernel").is_dir()) {
            Some(modules) => Ok(Self { modules: modules.clone(), image, release }),
            None => Err(KernelError::NoModules {
                path: image,
                looked: places.iter().map(|place| place.display().to_string()).collect(),
            }),
        }
    }
}

/// `/boot`, then a folder `guest` beside this program: what a kit carries.
fn usual_places() -> Vec<PathBuf> {
    let kit = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.join("guest/boot")));
    [Some(PathBuf::from("/boot")), kit].into_iter().flatten().collect()
}

/// The kernels in a folder, the youngest first.
fn images(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(NAME));
    let mut found: Vec<_> =
        named.map(|entry| (entry.metadata().and_then(|data| data.modified()).ok(), entry.path())).collect();
    found.sort();
    found.into_iter().rev().map(|(_, path)| path).collect()
}

/// What the image says of itself: `HdrS` at 0x202, and at 0x20e where its version stands, counted from 0x200
/// (Documentation/arch/x86/boot.rst). `None` where it is no such image.
fn release(image: &Path) -> io::Result<Option<String>> {
    let mut file = File::open(image)?;
    let mut head = [0; 0x210];
    if file.read_exact(&mut head).is_err() || head[0x202..0x206] != *b"HdrS" {
        return Ok(None);
    }
    let at = u64::from(u16::from_le_bytes([head[0x20e], head[0x20f]]));
    file.seek(SeekFrom::Start(0x200 + at))?;
    let mut text = [0; 128];
    let length = file.read(&mut text)?;
    let text = String::from_utf8_lossy(&text[..length]).into_owned();
    let word = text.split(['\0', ' ']).next().unwrap_or_default();
    Ok(Some(word.to_owned()).filter(|word| !word.is_empty() && at != 0 && !word.contains('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel_file(folder: &Path, name: &str, release: &str) -> PathBuf {
        std::fs::create_dir_all(folder).unwrap();
        let mut bytes = vec![0; 0x400];
        bytes[0x202..0x206].copy_from_slice(b"HdrS");
        bytes[0x20e..0x210].copy_from_slice(&0x100_u16.to_le_bytes());
        let text = format!("{release} (somebody@somewhere) #1\0");
        bytes[0x300..0x300 + text.len()].copy_from_slice(text.as_bytes());
        std::fs::write(folder.join(name), bytes).unwrap();
        folder.join(name)
    }

    #[test]
    fn an_unpacked_package_is_a_kernel_with_its_modules() {
        let top = tempfile::tempdir().unwrap();
        let image = kernel_file(&top.path().join("boot"), "vmlinuz-of-any-name", "6.1.0-1-cloud-amd64");
        let said = Kernel::find(Some(top.path())).unwrap_err().to_string();
        assert!(said.contains("has no modules beside it"), "{said}");
        let modules = top.path().join("lib/modules/6.1.0-1-cloud-amd64");
        std::fs::create_dir_all(modules.join("kernel")).unwrap();
        let found = Kernel::find(Some(top.path())).unwrap();
        assert_eq!((found.release.as_str(), &found.modules), ("6.1.0-1-cloud-amd64", &modules));
        assert_eq!(Kernel::find(Some(&image)).unwrap(), found);
    }

    #[test]
    fn what_is_no_kernel_is_called_so() {
        let top = tempfile::tempdir().unwrap();
        let file = top.path().join("vmlinuz");
        std::fs::write(&file, "short").unwrap();
        assert!(matches!(Kernel::find(Some(&file)), Err(KernelError::NotAKernel { .. })));
        assert!(matches!(Kernel::find(Some(&top.path().join("none"))), Err(KernelError::Read { .. })));
        std::fs::remove_file(&file).unwrap();
        assert!(matches!(Kernel::find(Some(top.path())), Err(KernelError::None { .. })));
    }
}
