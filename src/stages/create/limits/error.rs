//! Why a limit makes no sense. The words are docker's where docker has them.

use crate::error::Explain;
use crate::exit::Exit;
use std::path::PathBuf;

/// What is wrong with what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// Too little for anything to start.
    #[error("minimum memory limit allowed is 6MB")]
    LeastMemory,
    /// The same for the reservation.
    #[error("minimum memory reservation allowed is 6MB")]
    LeastReservation,
    /// Memory and swap together cannot be less than memory.
    #[error("minimum memoryswap limit should be larger than memory limit")]
    SwapBelowMemory,
    /// A limit of both, and none of the first.
    #[error("you should always set the memory limit when using memoryswap limit")]
    SwapAlone,
    /// The soft limit above the hard one.
    #[error("minimum memory limit can not be less than memory reservation limit")]
    ReservationAboveMemory,
    /// The same thing said twice.
    #[error("conflicting options: --cpus and {0} cannot both be set")]
    Conflict(&'static str),
    /// One way of saying how much processor time, where the other was said before.
    #[error("conflicting options: {0} cannot be updated as {1} has already been set")]
    Update(&'static str, &'static str),
    /// More than there are, or next to none.
    #[error("range of CPUs is from 0.01 to {0}.00, as there are only {0} CPUs available")]
    Cpus(usize),
    /// The kernel takes no other.
    #[error("CPU cfs period can not be less than 1ms (1000) or larger than 1s (1000000)")]
    Period,
    /// The kernel takes none that is shorter.
    #[error("CPU cfs quota can not be less than 1ms (1000)")]
    Quota,
    /// Not a list of numbers.
    #[error("invalid value {given:?} for {flag}: a list such as 0-3,5")]
    List {
        /// Which flag.
        flag: &'static str,
        /// What was typed.
        given: String,
    },
    /// Not on this machine.
    #[error("requested {what} are not available: requested {given}, available: {here}")]
    Unavailable {
        /// CPUs, or memory nodes.
        what: &'static str,
        /// What was typed.
        given: String,
        /// What there is.
        here: String,
    },
    /// Out of range.
    #[error("range of blkio weight is from 10 to 1000")]
    Weight,
    /// Out of range.
    #[error("invalid value {0}, range for oom score adj is [-1000, 1000]")]
    OomScore(i32),
    /// Not `PATH[:PATH][:rwm]`.
    #[error("{0:?} is no device: /dev/here, or where it is to be in the container's /dev: /dev/here:/dev/inside:rwm")]
    DeviceForm(String),
    /// Not a rule.
    #[error(
        "invalid device cgroup format {0:?}: 'c 1:3 rwm' has a kind (a, b or c), two numbers or *, and letters of rwm"
    )]
    RuleForm(String),
    /// Not `PATH:RATE`.
    #[error("invalid rate for device {0:?}: /dev/here:NUMBER, with kb, mb or gb behind it where bytes are counted")]
    RateForm(String),
    /// There is no such device.
    #[error("cannot use {} as a device: {why}", path.display())]
    Device {
        /// What was named.
        path: PathBuf,
        /// Why not.
        why: String,
    },
}

impl Explain for LimitError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::SwapBelowMemory => "--memory-swap counts memory and swap together; -1 is no limit".into(),
            Self::SwapAlone => "add --memory".into(),
            Self::Conflict(_) => "--cpus 0.5 is --cpu-quota 50000 in a --cpu-period of 100000".into(),
            Self::Device { path, .. } => format!("`ls -l {}` shows a device by a c or a b in front", path.display()),
            _ => return None,
        })
    }

    fn exit(&self) -> Exit {
        Exit::Engine
    }
}
