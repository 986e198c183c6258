//! QEMU: its command line, its process, its cable.

use super::{GuestError, Kernel, Order, archive, modules, scratch};
use crate::kernel::{fs, process};
use crate::narrate::Role;
use crate::probe::need::surroundings::find_program;
use crate::state::Roots;
use nix::fcntl::{FcntlArg, OFlag};
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// The emulator of the one processor that we know.
const QEMU: &str = "qemu-system-x86_64";

/// What the guest knows its end of the cable by.
pub(super) const CABLE: &str = "explore";

/// How much of the console an error quotes.
const LAST_WORDS: usize = 1200;

/// QEMU, where this machine has it.
pub fn emulator() -> Option<PathBuf> {
    find_program(QEMU)
}

/// What makes the guest's processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Accelerator {
    /// KVM where it boots this kernel, else software; found out by trying.
    Auto,
    /// This machine's own processor.
    Kvm,
    /// Software.
    Tcg,
}

/// What is made once, whatever runs it: a second try needs no second archive.
#[derive(Debug)]
pub struct Parts {
    qemu: PathBuf,
    kernel: Kernel,
    initramfs: OwnedFd,
    memory: u32,
}

impl Parts {
    /// Packs what the guest boots into.
    ///
    /// # Errors
    /// [`GuestError`].
    pub fn gather(kernel: Option<&Path>, order: &Order, memory: u32) -> Result<Self, GuestError> {
        let kernel = Kernel::find(kernel)?;
        let qemu = emulator().ok_or(GuestError::NoQemu { program: QEMU })?;
        if let Some(name) = order.with.iter().find(|name| find_program(name).is_none()) {
            return Err(GuestError::NoSuchProgram(name.clone()));
        }
        let modules = modules::choose(&kernel.modules)
            .map_err(|source| GuestError::Modules { folder: kernel.modules.display().to_string(), source })?;
        let initramfs = memory_file(c"explore-guest")?;
        archive::write(&File::from(clone(&initramfs)?), modules, order)?;
        Ok(Self { qemu, kernel, initramfs, memory })
    }

    /// What uname(2) will say in it.
    pub fn release(&self) -> &str {
        &self.kernel.release
    }
}

/// A guest that runs. Dropped, it is gone: its process is killed, and nothing of it had a name.
#[derive(Debug)]
pub struct Machine {
    process: OwnedFd,
    pid: nix::unistd::Pid,
    console: File,
    /// What its init and we talk over.
    pub cable: UnixStream,
}

impl Machine {
    /// Starts QEMU. It dies with this process, however that ends.
    ///
    /// # Errors
    /// [`GuestError`].
    pub fn start(parts: &Parts, accelerator: Accelerator) -> Result<Self, GuestError> {
        let step = |step| move |source| GuestError::Step { step, source };
        let (cable, far_end) = UnixStream::pair().map_err(step("make the guest's cable"))?;
        let disk = scratch::make().map_err(step("make the guest's disk"))?;
        let console = memory_file(c"explore-console")?;
        let words = command_line(parts, accelerator, disk.as_ref(), &console, &far_end);
        let words: Vec<CString> = words.into_iter().filter_map(|word| CString::new(word).ok()).collect();
        let why = "the guest: a process of ours like any other";
        let us = nix::unistd::getpid();
        let child = || {
            let kept = [parts.initramfs.as_raw_fd(), console.as_raw_fd(), far_end.as_raw_fd()];
            let kept = kept.into_iter().chain(disk.as_ref().map(AsRawFd::as_raw_fd));
            become_qemu(&words, kept, console.as_raw_fd(), us)
        };
        let call = |step| move |source| GuestError::Call { step, source };
        let pid = process::fork(Role::Helper, why, child).map_err(call("start QEMU"))?;
        let process = process::pidfd_open(pid, "to hear that it has ended").map_err(call("start QEMU"))?;
        Ok(Self { process, pid, console: File::from(console), cable })
    }

    /// Readable once it has ended.
    pub fn process(&self) -> &OwnedFd {
        &self.process
    }

    /// The last that QEMU and the guest's console have said.
    pub fn last_words(&mut self) -> String {
        let mut said = Vec::new();
        let _ = self.console.rewind().and_then(|()| self.console.read_to_end(&mut said));
        let from = said.len().saturating_sub(LAST_WORDS);
        String::from_utf8_lossy(&said[from..]).replace('\r', "")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = process::signal(self.process.as_fd(), libc::SIGKILL, "the guest has done its work");
        let _ = process::wait(self.pid);
    }
}

/// Remembers for a boot of this machine that its KVM does not boot a stock kernel: trying takes a while where it hangs.
#[derive(Debug, Clone)]
pub struct Tried {
    file: PathBuf,
}

impl Tried {
    /// Where it is kept.
    pub fn of(roots: &Roots) -> Self {
        Self { file: roots.run.join("guest-without-kvm") }
    }

    /// Whether KVM is worth a try.
    pub fn may_try(&self) -> bool {
        let device = std::fs::OpenOptions::new().read(true).write(true).open("/dev/kvm");
        device.is_ok() && std::fs::read_to_string(&self.file).ok() != boot_id()
    }

    /// It was, in vain.
    pub fn remember(&self) {
        if let Some(boot) = boot_id() {
            let _ = std::fs::write(&self.file, boot);
        }
    }
}

fn boot_id() -> Option<String> {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()
}

fn memory_file(name: &CStr) -> Result<OwnedFd, GuestError> {
    memfd_create(name, MFdFlags::MFD_CLOEXEC)
        .map_err(|errno| GuestError::Step { step: "make a file in memory", source: errno.into() })
}

fn clone(fd: &OwnedFd) -> Result<OwnedFd, GuestError> {
    fd.try_clone().map_err(|source| GuestError::Step { step: "copy a descriptor", source })
}

/// One machine, with as little in it as boots: no firmware menu, no graphics, no network.
fn command_line(
    parts: &Parts,
    accelerator: Accelerator,
    disk: Option<&File>,
    console: &OwnedFd,
    cable: &UnixStream,
) -> Vec<String> {
    let open = |fd: i32| format!("/proc/self/fd/{fd}");
    let accelerator = match accelerator {
        Accelerator::Kvm => "kvm",
        _ => "tcg,thread=multi,tb-size=256",
    };
    let processors = std::thread::available_parallelism().map_or(1, |count| count.get().min(4));
    let mut words: Vec<String> = [
        "-name explore-guest,process=explore-guest -M q35 -cpu max -nodefaults -no-reboot -display none",
        &format!("-accel {accelerator} -smp {processors} -m {} -device virtio-rng-pci", parts.memory),
        &format!("-initrd {}", open(parts.initramfs.as_raw_fd())),
        &format!("-chardev socket,id=cable,fd={}", cable.as_raw_fd()),
        &format!("-device virtio-serial-pci,max_ports=2 -device virtserialport,chardev=cable,name={CABLE}"),
    ]
    .iter()
    .flat_map(|line| line.split(' '))
    .map(str::to_owned)
    .collect();
    words.insert(0, parts.qemu.display().to_string());
    words.extend(["-kernel".into(), parts.kernel.image.display().to_string()]);
    // A busy machine's emulator may deliver no tick while the guest counts ticks: it panics then, unless it is told not to.
    words.extend(["-append".into(), "console=ttyS0 quiet panic=-1 no_timer_check rdinit=/init".into()]);
    words.extend(["-chardev".into(), format!("file,id=console,append=on,path={}", open(console.as_raw_fd()))]);
    words.extend(["-serial".into(), "chardev:console".into()]);
    if let Some(disk) = disk {
        let drive = format!("file={},format=raw,if=virtio,cache=unsafe", open(disk.as_raw_fd()));
        words.extend(["-drive".into(), drive]);
    }
    words
}

/// In the child: what QEMU inherits, and that it does not outlive us.
fn become_qemu(words: &[CString], kept: impl Iterator<Item = i32>, console: i32, parent: nix::unistd::Pid) -> i32 {
    let _ = process::die_with_parent("a guest whose owner is gone has nobody to run for");
    if nix::unistd::getppid() != parent {
        return 125;
    }
    for fd in kept {
        let _ = fs::keep_on_exec(&process::borrow(fd));
    }
    process::restore_signals();
    // ^C is for whoever runs in the guest, and comes over the cable.
    let _ = nix::unistd::setpgid(nix::unistd::Pid::from_raw(0), nix::unistd::Pid::from_raw(0));
    process::silence_stdio();
    let _ = nix::fcntl::fcntl(process::borrow(console), FcntlArg::F_SETFL(OFlag::O_APPEND));
    let _ = process::take_stdio([0, console, console]);
    process::exec(words, &process::environment(), "becoming QEMU");
    126
}
