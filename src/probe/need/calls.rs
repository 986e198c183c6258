//! The kernel's age, and calls that came late.

use super::trial::{attempt, lacking};
use super::{Answer, Who, blame};
use crate::kernel::feature::{self, Feature};
use crate::state::Roots;
use nix::errno::Errno;

/// The release from which on everything that we use is there, overlay in a user namespace included.
const GOOD: (u32, u32) = (5, 11);

pub(super) fn kernel(_: &Roots) -> Answer {
    let release =
        nix::sys::utsname::uname().map(|name| name.release().to_string_lossy().into_owned()).unwrap_or_default();
    if feature::release() >= GOOD {
        return Answer::met(format!("Linux {release}"));
    }
    let why = format!("Linux {release}; a distribution may have added to it what the lines below find");
    Answer::unmet(why, format!("Linux {}.{} or later", GOOD.0, GOOD.1), Who::Admin)
}

fn has(feature: Feature) -> Answer {
    let (name, release) = feature.name();
    match attempt(|| Ok(feature.answer() as i32)) {
        Ok(errno) if errno == Errno::ENOSYS as i32 => {
            lacking(format!("there is no {name}"), &format!("Linux {release}"))
        }
        Ok(errno) if errno == Errno::EPERM as i32 => {
            lacking(format!("{name} is refused by a filter"), &format!("Linux {release}"))
        }
        Ok(_) => Answer::met(format!("it answers (there since Linux {release})")),
        Err(error) => blame::answer(&error),
    }
}

pub(super) fn clone3(_: &Roots) -> Answer {
    has(Feature::Clone3)
}

pub(super) fn pidfd(_: &Roots) -> Answer {
    has(Feature::PidFd)
}

pub(super) fn openat2(_: &Roots) -> Answer {
    has(Feature::OpenAt2)
}

pub(super) fn mount_api(_: &Roots) -> Answer {
    match has(Feature::MountApi) {
        // fsopen looks for CAP_SYS_ADMIN before it looks at its arguments: an ordinary user hears EPERM.
        Answer::Unmet { .. } if attempt(|| Ok(Feature::MountApi.answer() as i32)) == Ok(Errno::EPERM as i32) => {
            Answer::met("it answers (there since Linux 5.2)")
        }
        other => other,
    }
}

pub(super) fn mount_setattr(_: &Roots) -> Answer {
    has(Feature::MountSetAttr)
}

pub(super) fn seccomp(_: &Roots) -> Answer {
    has(Feature::Seccomp)
}

pub(super) fn landlock(_: &Roots) -> Answer {
    match attempt(|| Ok(Feature::Landlock.answer() as i32)) {
        Ok(errno) if errno == Errno::EOPNOTSUPP as i32 => Answer::unmet(
            "it is built in, and was switched off at boot",
            "landlock in `lsm=` on the kernel's command line",
            Who::Admin,
        ),
        _ => has(Feature::Landlock),
    }
}
