//! Names and numbers of system calls. A process on one machine can make them by several ABIs: a 32-bit program on a
//! 64-bit kernel has other numbers for the same names, so a filter that knew one table only would let the other through.
//!
//! The table is that of Linux 6.17 (arch/*/entry/syscalls/*.tbl, include/uapi/asm-generic/unistd.h).

use oci_spec::runtime::Arch;

/// A set of numbers, and of registers for the arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Abi {
    /// 64-bit programs on x86.
    X86_64,
    /// 32-bit programs on x86 (`int 0x80`).
    X86,
    /// 64-bit registers with 32-bit pointers: x86_64's numbers and a few of its own, all with bit 30 set.
    X32,
    /// 64-bit programs on ARM.
    Aarch64,
    /// 32-bit programs on ARM.
    Arm,
}

/// Set in every number of the x32 ABI (arch/x86/include/uapi/asm/unistd.h).
pub(super) const X32_BIT: u32 = 0x4000_0000;

impl Abi {
    /// The one that this program itself uses.
    pub(super) const NATIVE: Self = if cfg!(target_arch = "aarch64") { Self::Aarch64 } else { Self::X86_64 };

    /// What the runtime specification calls it; none for machines that we do not run on.
    pub(super) fn of(arch: Arch) -> Option<Self> {
        Some(match arch {
            Arch::ScmpArchNative => Self::NATIVE,
            Arch::ScmpArchX86_64 => Self::X86_64,
            Arch::ScmpArchX86 => Self::X86,
            Arch::ScmpArchX32 => Self::X32,
            Arch::ScmpArchAarch64 => Self::Aarch64,
            Arch::ScmpArchArm => Self::Arm,
            _ => return None,
        })
    }

    /// What the kernel writes into `seccomp_data.arch` (linux/audit.h). x32 has no value of its own.
    pub(super) fn audit(self) -> u32 {
        match self {
            Self::X86_64 | Self::X32 => 0xc000_003e,
            Self::X86 => 0x4000_0003,
            Self::Aarch64 => 0xc000_00b7,
            Self::Arm => 0x4000_0028,
        }
    }

    /// Whether arguments are compared in all of their 64 bits.
    pub(super) fn is_wide(self) -> bool {
        matches!(self, Self::X86_64 | Self::Aarch64)
    }
}

/// A line: the name in 28 columns, then a number in 8 columns for each of [`Abi`], `-` where it has no such call. All
/// lines are equally long and sorted, so the table is searched as it stands.
pub(super) const TABLE: &str = include_str!("numbers.txt");
const NAME: usize = 28;
const COLUMN: usize = 8;
const LINE: usize = NAME + 5 * COLUMN + 1;

/// A name that the table has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call(&'static str);

impl Call {
    /// Looks a name up.
    pub(super) fn find(name: &str) -> Option<Self> {
        // Padded as the table's names are, and a space sorts before all that a name has.
        let mut padded = [b' '; NAME];
        padded.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        let line = |index: usize| &TABLE[index * LINE..(index + 1) * LINE];
        let (mut low, mut high) = (0, TABLE.len() / LINE);
        while low < high {
            let middle = usize::midpoint(low, high);
            match line(middle).as_bytes()[..NAME].cmp(&padded) {
                std::cmp::Ordering::Equal => return Some(Self(&line(middle)[NAME..])),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Its number, as the kernel sees it.
    pub(super) fn number(self, abi: Abi) -> Option<u32> {
        let column = abi as usize * COLUMN;
        let cell = self.0.as_bytes()[column..column + COLUMN].iter().filter(|byte| **byte != b' ');
        let number = cell
            .copied()
            .try_fold(0, |sum: u32, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))?;
        Some(if abi == Abi::X32 { number | X32_BIT } else { number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_can_be_searched() {
        let names: Vec<&str> = TABLE.lines().map(|line| line[..NAME].trim_end()).collect();
        assert!(names.is_sorted() && names.len() > 450);
        assert!(TABLE.lines().all(|line| line.len() + 1 == LINE));
        for name in names {
            let call = Call::find(name).unwrap();
            let abis = [Abi::X86_64, Abi::X86, Abi::X32, Abi::Aarch64, Abi::Arm];
            assert!(abis.iter().any(|abi| call.number(*abi).is_some()), "{name}");
        }
        assert!(Call::find("riscv_hwprobe").is_none() && Call::find("").is_none());
        assert!(Call::find(&"x".repeat(NAME + 1)).is_none() && Call::find("getpi").is_none());
    }

    #[test]
    fn the_numbers_are_those_of_this_machines_headers() {
        let number = |name: &str| Call::find(name).and_then(|call| call.number(Abi::NATIVE)).unwrap();
        for (name, known) in [
            ("clone", libc::SYS_clone),
            ("socket", libc::SYS_socket),
            ("seccomp", libc::SYS_seccomp),
            ("clone3", libc::SYS_clone3),
            ("openat2", libc::SYS_openat2),
            ("mseal", libc::SYS_mseal),
        ] {
            assert_eq!(i64::from(number(name)), known, "{name}");
        }
        // pwritev2 is the highest number of x32 (arch/x86/entry/syscalls/syscall_64.tbl).
        assert_eq!(Call::find("pwritev2").unwrap().number(Abi::X32), Some(X32_BIT + 547));
        assert_eq!(Call::find("umount").unwrap().number(Abi::X86_64), None);
    }
}
