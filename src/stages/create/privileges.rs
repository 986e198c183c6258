//! What a container may do: capabilities, the filter on system calls, and what of /proc and /sys is covered. From
//! docker's flags to the words of config.json (moby `daemon/pkg/oci`, `daemon/seccomp_linux.go`).

use super::config::CAPABILITIES;
use crate::error::Explain;
use crate::exit::Exit;
use crate::kernel::capability::{self, Set};
use crate::kernel::seccomp::{Place, Profile, ProfileError};
use crate::kernel::{self, feature};
use oci_spec::runtime::{LinuxDevice, LinuxSeccomp, Spec};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The flags, as they were typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Privileges {
    /// `--cap-add`.
    pub add: Vec<String>,
    /// `--cap-drop`.
    pub drop: Vec<String>,
    /// `--privileged`.
    pub privileged: bool,
    /// `--security-opt`.
    pub options: Vec<String>,
}

impl Privileges {
    /// What docker's client looks at before it asks the daemon: that an option has a shape, that a profile is a file with
    /// JSON in it. All else is the daemon's to refuse, which gives `create` another exit code.
    ///
    /// # Errors
    /// [`PrivilegeError::Option`], [`PrivilegeError::ProfileFile`], [`PrivilegeError::Profile`].
    pub fn check(&self) -> Result<(), PrivilegeError> {
        for one in self.options.iter().filter(|one| *one != "no-new-privileges") {
            let (name, value) = parts(one)?;
            if name == "seccomp" && !matches!(value, "unconfined" | "builtin") {
                serde_json::from_str::<serde::de::IgnoredAny>(&read_profile(Path::new(value))?).map_err(|error| {
                    PrivilegeError::Profile { path: value.into(), source: ProfileError::Shape(error) }
                })?;
            }
        }
        Ok(())
    }
}

/// `name=value`, or `name:value` as docker once had it.
fn parts(option: &str) -> Result<(&str, &str), PrivilegeError> {
    let both = option.split_once('=').or_else(|| option.split_once(':'));
    both.ok_or_else(|| PrivilegeError::Option(option.to_owned()))
}

/// What is wrong with them.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// Not a capability.
    #[error("invalid {flag}: unknown capability: {name:?}")]
    UnknownCapability {
        /// `CapAdd` or `CapDrop`, as docker has it.
        flag: &'static str,
        /// With CAP_ before it.
        name: String,
    },
    /// A capability that nobody here can give.
    #[error(
        "invalid {flag}: capability not supported by your kernel or not available in the current environment: {name:?}"
    )]
    UnavailableCapability {
        /// `CapAdd` or `CapDrop`.
        flag: &'static str,
        /// Its name.
        name: String,
    },
    /// What we have cannot be asked.
    #[error("cannot see which capabilities there are to give")]
    Capabilities(#[source] kernel::Error),
    /// Not an option.
    #[error("invalid --security-opt: {0:?}")]
    Option(String),
    /// An option that this kernel, or explore, does not have.
    #[error("--security-opt {option}: {why}")]
    Confinement {
        /// As typed.
        option: String,
        /// Who lacks what.
        why: &'static str,
    },
    /// The file cannot be read.
    #[error("opening seccomp profile ({}) failed", path.display())]
    ProfileFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no profile.
    #[error("the seccomp profile {} cannot be used", path.display())]
    Profile {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: ProfileError,
    },
    /// The profile that is built in is damaged.
    #[error("docker's seccomp profile, which is built in, cannot be used")]
    BuiltIn(#[source] ProfileError),
}

impl Explain for PrivilegeError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::UnknownCapability { .. } => "capabilities(7) lists them; ALL is all of them".into(),
            Self::UnavailableCapability { .. } => {
                "nobody can give what he does not have: `grep CapPrm /proc/self/status` shows what there is".into()
            }
            Self::Option(_) => {
                "seccomp=FILE, seccomp=unconfined, no-new-privileges, systempaths=unconfined, apparmor=unconfined, \
                 label=disable"
                    .into()
            }
            Self::Confinement { option, .. } if option.starts_with("apparmor") => {
                "apparmor=unconfined says what is so".into()
            }
            Self::Confinement { .. } => "label=disable says what is so".into(),
            Self::Profile { .. } => {
                "its shape is that of docker's: https://docs.docker.com/engine/security/seccomp/".into()
            }
            Self::Capabilities(error) => return kernel::hint(error),
            Self::ProfileFile { .. } | Self::BuiltIn(_) => return None,
        })
    }

    fn exit(&self) -> Exit {
        Exit::Engine
    }
}

/// What a container may do, decided.
#[derive(Debug, Clone)]
pub(super) struct Rights {
    capabilities: Vec<String>,
    no_new_privileges: bool,
    seccomp: Option<LinuxSeccomp>,
    /// Nothing of /proc and /sys is covered.
    open_paths: bool,
    privileged: bool,
}

/// What `--security-opt` says.
#[derive(Default)]
struct Options {
    no_new_privileges: bool,
    open_paths: bool,
    seccomp: Wanted,
}

#[derive(Default)]
enum Wanted {
    /// Nothing was said: docker's profile, or none with `--privileged`.
    #[default]
    Unsaid,
    Docker,
    Unconfined,
    File(PathBuf),
}

impl Rights {
    /// Decides.
    pub(super) fn of(flags: &Privileges) -> Result<Self, PrivilegeError> {
        let options = Options::read(&flags.options)?;
        let capabilities: Vec<String> = capabilities(flags)?.into_iter().map(str::to_owned).collect();
        let place = Place { capabilities: &capabilities, kernel: feature::release() };
        let seccomp = match options.seccomp {
            Wanted::Unconfined => None,
            Wanted::Unsaid if flags.privileged => None,
            Wanted::Unsaid | Wanted::Docker => Profile::of_docker(place).map_err(PrivilegeError::BuiltIn)?,
            Wanted::File(path) => Profile::parse(&read_profile(&path)?)
                .and_then(|profile| profile.resolve(place))
                .map_err(|source| PrivilegeError::Profile { path, source })?,
        };
        Ok(Self {
            no_new_privileges: options.no_new_privileges,
            open_paths: options.open_paths || flags.privileged,
            privileged: flags.privileged,
            capabilities,
            seccomp,
        })
    }

    /// Writes it into a configuration whose user is known.
    pub(super) fn apply(self, spec: &mut Spec) -> Result<(), serde_json::Error> {
        if let Some(process) = spec.process_mut() {
            let kept = self.capabilities;
            // An ordinary user has none at once, but a set-user-ID program gives back what the bounding set holds: what
            // execve(2) would make of it anyway (moby `oci.SetCapabilities`).
            let sets = if process.user().uid() == 0 {
                json!({ "bounding": kept, "effective": kept, "permitted": kept })
            } else {
                json!({ "bounding": kept, "effective": [], "permitted": [] })
            };
            process.set_capabilities(Some(serde_json::from_value(sets)?));
            process.set_no_new_privileges(Some(self.no_new_privileges));
        }
        if let Some(linux) = spec.linux_mut() {
            linux.set_seccomp(self.seccomp);
            if self.open_paths {
                linux.set_masked_paths(None).set_readonly_paths(None);
            }
        }
        if self.privileged {
            show_devices(spec)?;
            for mount in spec.mounts_mut().iter_mut().flatten().filter(|one| one.destination().starts_with("/sys")) {
                let writable = mount.options().iter().flatten().filter(|word| *word != "ro").cloned().collect();
                mount.set_options(Some(writable));
            }
        }
        Ok(())
    }
}

/// All of this machine's devices, and a rule that lets all be opened.
fn show_devices(spec: &mut Spec) -> Result<(), serde_json::Error> {
    let Some(linux) = spec.linux_mut() else { return Ok(()) };
    let devices: Vec<LinuxDevice> = super::host_devices::below(Path::new("/dev"))
        .into_iter()
        .map(serde_json::from_value)
        .collect::<Result<_, _>>()?;
    let asked_for = linux.devices().clone().unwrap_or_default();
    let of_host = devices.into_iter().filter(|one| asked_for.iter().all(|other| other.path() != one.path()));
    linux.set_devices(Some(asked_for.iter().cloned().chain(of_host).collect()));
    let mut resources = linux.resources().clone().unwrap_or_default();
    resources.set_devices(Some(serde_json::from_value(json!([{ "allow": true, "access": "rwm" }]))?));
    linux.set_resources(Some(resources));
    Ok(())
}

/// Docker's rule (moby `caps.TweakCapabilities`): ALL added is all but those dropped; ALL dropped is only those added;
/// else the fourteen, less those dropped, and those added.
fn capabilities(flags: &Privileges) -> Result<Vec<&'static str>, PrivilegeError> {
    if !flags.privileged && flags.add.is_empty() && flags.drop.is_empty() {
        return Ok(CAPABILITIES.to_vec());
    }
    let there = capability::permitted().map_err(PrivilegeError::Capabilities)?;
    if flags.privileged {
        return Ok(there.names());
    }
    let (add_all, add) = normalize("CapAdd", &flags.add, there)?;
    let (drop_all, drop) = normalize("CapDrop", &flags.drop, there)?;
    let kept = match (add_all, drop_all) {
        (true, _) => there.0 & !drop.0,
        (false, true) => add.0,
        (false, false) => Set::of(&CAPABILITIES).0 & !drop.0 | add.0,
    };
    Ok(Set(kept).names())
}

/// With or without CAP_, in any case; whether ALL was among them.
fn normalize(flag: &'static str, typed: &[String], there: Set) -> Result<(bool, Set), PrivilegeError> {
    let (mut all, mut set) = (false, Set::default());
    for one in typed {
        let upper = one.to_ascii_uppercase();
        if upper == "ALL" {
            all = true;
            continue;
        }
        let name = if upper.starts_with("CAP_") { upper } else { format!("CAP_{upper}") };
        let bit = Set::of(&[&name]).0;
        if bit == 0 {
            return Err(PrivilegeError::UnknownCapability { flag, name });
        }
        if there.0 & bit == 0 {
            return Err(PrivilegeError::UnavailableCapability { flag, name });
        }
        set.0 |= bit;
    }
    Ok((all, set))
}

impl Options {
    /// The last of two for the same counts.
    fn read(typed: &[String]) -> Result<Self, PrivilegeError> {
        let mut options = Self::default();
        for one in typed {
            let wrong = || PrivilegeError::Option(one.clone());
            if one == "no-new-privileges" {
                options.no_new_privileges = true;
                continue;
            }
            match parts(one)? {
                ("no-new-privileges", word) => options.no_new_privileges = truth(word).ok_or_else(wrong)?,
                ("systempaths", "unconfined") => options.open_paths = true,
                ("seccomp", "unconfined") => options.seccomp = Wanted::Unconfined,
                ("seccomp", "builtin") => options.seccomp = Wanted::Docker,
                ("seccomp", path) if !path.is_empty() => options.seccomp = Wanted::File(path.into()),
                // What is so anyway.
                ("apparmor", "unconfined") | ("label", "disable") => {}
                (name @ ("apparmor" | "label"), value) if !value.is_empty() => {
                    return Err(PrivilegeError::Confinement { option: one.clone(), why: confinement(name) });
                }
                _ => return Err(wrong()),
            }
        }
        Ok(options)
    }
}

/// What Go's `strconv.ParseBool` takes.
pub(super) fn truth(word: &str) -> Option<bool> {
    match word {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Why a profile of a security module cannot be had. Docker says nothing where the kernel has none, and confines nobody.
fn confinement(module: &str) -> &'static str {
    let has = |path: &str| Path::new(path).exists();
    match module {
        "apparmor" if has("/sys/module/apparmor") => "explore puts no container under a profile of AppArmor",
        "apparmor" => "this kernel has no AppArmor, so nothing would be confined",
        _ if has("/sys/fs/selinux/enforce") => "explore gives no container a label of SELinux",
        _ => "SELinux is not on here, so no label means anything",
    }
}

/// The largest profile that is read. Docker's own has 13 kB.
const LARGEST_PROFILE: u64 = 1 << 20;

fn read_profile(path: &Path) -> Result<String, PrivilegeError> {
    let failed = |source| PrivilegeError::ProfileFile { path: path.to_owned(), source };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(LARGEST_PROFILE + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > LARGEST_PROFILE {
        return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, "a profile has 1 MiB at most")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalized(typed: &[&str], there: u64) -> Result<(bool, Set), String> {
        let typed: Vec<String> = typed.iter().map(|one| (*one).to_owned()).collect();
        normalize("CapAdd", &typed, Set(there)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_capability_is_named_as_docker_takes_it() {
        assert_eq!(normalized(&["chown", "CAP_KILL", "Cap_Fowner"], u64::MAX), Ok((false, Set(0b10_1001))));
        assert_eq!(normalized(&["all"], 0), Ok((true, Set(0))));
        assert_eq!(normalized(&["flying"], u64::MAX), Err("invalid CapAdd: unknown capability: \"CAP_FLYING\"".into()));
        assert!(
            normalized(&["kill"], 0).unwrap_err().contains("not available in the current environment: \"CAP_KILL\"")
        );
    }

    #[test]
    fn an_option_is_one_of_dockers_or_refused() {
        let read = |one: &str| Options::read(&[one.to_owned()]).map_err(|error| error.to_string());
        assert!(read("no-new-privileges").unwrap().no_new_privileges);
        assert!(read("no-new-privileges:true").unwrap().no_new_privileges);
        assert!(!read("no-new-privileges=0").unwrap().no_new_privileges);
        assert!(read("systempaths=unconfined").unwrap().open_paths);
        assert!(matches!(read("seccomp=unconfined").unwrap().seccomp, Wanted::Unconfined));
        assert!(
            matches!(read("seccomp=a=b.json").unwrap().seccomp, Wanted::File(path) if path == Path::new("a=b.json"))
        );
        assert!(read("apparmor=unconfined").is_ok() && read("label=disable").is_ok());
        for wrong in ["", "seccomp", "seccomp=", "no-new-privileges=maybe", "systempaths=all", "colour=red", "label="] {
            assert_eq!(read(wrong).err(), Some(format!("invalid --security-opt: {wrong:?}")));
        }
        assert!(read("apparmor=docker-default").is_err_and(|error| error.contains("AppArmor")));
    }
}
