//! Where a lesson happens: a state folder of its own for `explore`, an empty folder, a place, and a shell on each side.

use super::RunError;
use super::asked::{Call, Ear};
use super::shell::{BlockEnd, Shell};
use super::step::{self, Answer, StepEnd};
use super::sweep;
use crate::image::demo;
use crate::lesson::page::{Command, Page, Side};
use crate::stages::place::{Place, PlaceSpec, Program};
use crate::state::{Claim, Effect, Entry, Journal, ProcessIdentity, Roots};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What all scenes of one run have in common.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The reader's own state folders.
    pub roots: Roots,
    /// While this process lives, what the lesson makes is wanted.
    pub holder: ProcessIdentity,
    /// Whether it stays afterwards.
    pub keep: bool,
    /// How long one step may take.
    pub limit: Duration,
    /// Columns, for programs that ask.
    pub width: usize,
    /// Whether what the kernel is asked is told: what a recording keeps.
    pub hears: bool,
}

impl Setting {
    /// What an act may take to show in the kernel's state, which is not always at once: three seconds, and as much more
    /// as a step may take more than its minute, on a machine that is emulated.
    pub(super) fn settling(&self) -> Duration {
        self.limit / 20
    }
}

/// The name of the place in every lesson; the state folder is the lesson's own, so it cannot meet another.
pub(super) const PLACE: &str = "lesson";

/// Where one run of a lesson happens.
#[derive(Debug)]
pub(super) struct Scene {
    folder: PathBuf,
    roots: Roots,
    setting: Setting,
    entry: Entry,
    env: Vec<(String, String)>,
    outside: Shell,
    inside: Option<Shell>,
    pub(super) place: Option<Place>,
    ear: Option<Ear>,
    /// Status of the last act.
    status: u8,
}

type Told<'a> = &'a mut dyn FnMut(&str) -> io::Result<()>;

impl Scene {
    /// Makes everything that `page` stands on.
    pub(super) fn open(setting: &Setting, page: &Page) -> Result<Self, RunError> {
        let folder = sweep::scenes(&setting.roots).join(&Self::random_word().map_err(own("find a name"))?[..8]);
        let journal = Journal::at(setting.roots.journal());
        let holder = (!setting.keep).then_some(setting.holder);
        let claim = Claim { owner: sweep::owner(&folder), holder };
        let entry = journal.announce(&claim, Effect::Path { path: folder.clone() })?;
        Self::furnish(setting, page, &folder, entry.clone()).inspect_err(|_| {
            // What was begun is undone; the error that is told is the one that stopped us.
            let _ = sweep::clear(&setting.roots, &entry);
        })
    }

    fn furnish(setting: &Setting, page: &Page, folder: &Path, entry: Entry) -> Result<Self, RunError> {
        let empty = folder.join("outside");
        std::fs::create_dir_all(&empty).map_err(own("make a folder for the lesson"))?;
        name_ourselves(&folder.join("bin")).map_err(own("name explore for the lesson's shells"))?;
        let roots = Roots::find(Some(folder))?;
        roots.prepare()?;
        if page.front.needs.iter().any(|need| need == "demo-image") {
            // Where this fails the lesson's own `explore pull` does too, and says why.
            let _ = demo::lend(&setting.roots, &roots, &demo::Recipe::default());
        }
        let env = environment(folder, setting.width);
        let ear = setting.hears.then(|| Ear::new(folder)).transpose().map_err(own("listen to the lesson"))?;
        let shell = |cwd: &Path| Program { argv: vec!["sh".into()], env: env.clone(), cwd: Some(cwd.to_owned()) };
        let mut typed_into = shell(&empty);
        typed_into.env.extend(ear.as_ref().map(Ear::variable));
        let (outside, _) = Shell::outside(folder, &typed_into)?;
        let (mut inside, mut place) = (None, None);
        if let Some(words) = &page.front.inside {
            let spec = PlaceSpec::parse(words)?;
            let holder = (!setting.keep).then(ProcessIdentity::myself);
            let (typed, stands) = Shell::inside(folder, shell(Path::new("/")), |program, stdio| {
                let make = || Ok(Place::create(&roots, PLACE, &spec, Some((program, stdio)), holder)?);
                match &ear {
                    Some(ear) => ear.during(make),
                    None => make(),
                }
            })?;
            (inside, place) = (Some(typed), Some(stands));
        }
        let setting = setting.clone();
        Ok(Self { folder: folder.to_owned(), roots, setting, entry, env, outside, inside, place, ear, status: 0 })
    }

    /// Types a block into the shell of its side.
    pub(super) fn type_in(&mut self, side: Side, commands: &str, told: Told<'_>) -> Result<BlockEnd, RunError> {
        let variables = self.variables();
        let limit = self.setting.limit;
        match (side, &mut self.inside) {
            (Side::Inside, Some(shell)) => shell.type_in(commands, &variables, limit, told),
            _ => self.outside.type_in(commands, &variables, limit, told),
        }
    }

    /// Runs a command as a new process of its side; its status becomes `$RC`.
    pub(super) fn act(&mut self, command: &Command, told: Told<'_>) -> Result<u8, RunError> {
        let status = self.step(command, told)?;
        self.status = status;
        Ok(status)
    }

    /// Asks the kernel's state: a new process, whose output is kept back.
    pub(super) fn test(&mut self, command: &Command) -> Result<Answer, RunError> {
        let mut printed = String::new();
        let status = self.step(command, &mut |text| {
            printed.push_str(text);
            Ok(())
        })?;
        Ok(match status {
            0 => Answer::Holds,
            1 => Answer::DoesNot,
            _ => Answer::Broken { status, printed },
        })
    }

    fn step(&mut self, command: &Command, told: Told<'_>) -> Result<u8, RunError> {
        self.collect_init();
        let program = self.program(command.side, &command.text);
        match step::run(self.place.as_ref(), command.side, &program, self.setting.limit, told)? {
            StepEnd::Status(status) => Ok(status),
            StepEnd::Hung => Err(self.hung(command)),
        }
    }

    pub(super) fn hung(&self, command: &Command) -> RunError {
        let seconds = self.setting.limit.as_secs();
        RunError::Hung { at: command.at.clone(), command: command.text.clone(), seconds }
    }

    /// What the kernel was asked since the last time; nothing where nobody listens.
    pub(super) fn heard(&mut self) -> Result<Option<Vec<Call>>, RunError> {
        self.ear.as_mut().map(Ear::hear).transpose().map_err(own("listen to the lesson"))
    }

    /// Whether PID 1 of the place still runs (a lesson without a place has nothing to lose).
    pub(super) fn stands(&self) -> bool {
        self.place.as_ref().is_none_or(|place| place.init.is_alive())
    }

    /// A dead child keeps its number until it is waited for, and `kill -0` would still find it.
    fn collect_init(&self) {
        if let Some(place) = self.place.as_ref().filter(|place| !place.init.is_alive()) {
            let pid = nix::unistd::Pid::from_raw(place.init.pid);
            let _ = nix::sys::wait::waitpid(pid, Some(nix::sys::wait::WaitPidFlag::WNOHANG));
        }
    }

    /// The state folder of the lesson's own commands, for the one who wants to enter what was kept.
    pub(super) fn root(&self) -> String {
        self.folder.display().to_string()
    }

    /// The state of the lesson's own commands.
    pub(super) fn roots(&self) -> &Roots {
        &self.roots
    }

    /// A program for one side: `sh -c COMMAND` with the lesson's environment and variables.
    pub(super) fn program(&self, side: Side, command: &str) -> Program {
        let mut env = self.env.clone();
        env.extend(self.variables());
        if side == Side::Outside {
            env.extend(self.ear.as_ref().map(Ear::variable));
        }
        let cwd = match side {
            Side::Outside => self.folder.join("outside"),
            Side::Inside => "/".into(),
        };
        Program { argv: vec!["sh".into(), "-c".into(), command.into()], env, cwd: Some(cwd) }
    }

    fn variables(&self) -> Vec<(String, String)> {
        let mut variables = vec![("RC".to_owned(), self.status.to_string())];
        if let Some(place) = &self.place {
            variables.push(("INIT".into(), place.init.pid.to_string()));
        }
        variables
    }

    /// Takes everything down.
    pub(super) fn close(self) -> Result<(), RunError> {
        drop((self.outside, self.inside));
        sweep::clear(&self.setting.roots, &self.entry)
    }

    /// Thirty-two hex digits that nobody can guess.
    pub(super) fn random_word() -> io::Result<String> {
        use std::io::Read;
        let mut bytes = [0; 16];
        std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// Lessons type `explore`, and mean this very program, whatever its file is called and wherever it lies.
fn name_ourselves(bin: &Path) -> io::Result<()> {
    std::fs::create_dir_all(bin)?;
    std::os::unix::fs::symlink(std::env::current_exe()?, bin.join("explore"))
}

/// The environment of everything that a lesson runs: little of the reader's own, so that it is the same everywhere.
fn environment(folder: &Path, width: usize) -> Vec<(String, String)> {
    let mine = folder.join("bin").display().to_string();
    let theirs = std::env::var("PATH").unwrap_or_default();
    let path = [mine, theirs, "/usr/sbin:/usr/bin:/sbin:/bin".into()];
    let path = path.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(":");
    let mut env = vec![
        ("PATH".to_owned(), path),
        (sweep::MARK.to_owned(), folder.display().to_string()),
        ("LANG".to_owned(), "C.UTF-8".to_owned()),
        ("COLUMNS".to_owned(), width.to_string()),
    ];
    for name in ["HOME", "USER", "LOGNAME", "TERM", "SHELL"] {
        env.extend(std::env::var(name).ok().map(|value| (name.to_owned(), value)));
    }
    env
}

fn own(step: &'static str) -> impl Fn(io::Error) -> RunError {
    move |source| RunError::Own { step, source }
}
