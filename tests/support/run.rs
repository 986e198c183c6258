//! One command, and what it answered.

use super::learner::PATH;
use super::{Learner, PATIENCE, Terminal};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// A command that is about to run.
#[derive(Debug)]
pub(crate) struct Run {
    learner: Learner,
    before: Vec<OsString>,
    program: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    stdin: Option<Vec<u8>>,
    quiet: bool,
    folder: PathBuf,
}

impl Run {
    pub(super) fn new<A: AsRef<OsStr>>(learner: Learner, arguments: impl IntoIterator<Item = A>) -> Self {
        let binary = learner.inner.binary.clone();
        Self::of_program(learner, &binary.to_string_lossy(), arguments)
    }

    pub(super) fn of_program<A: AsRef<OsStr>>(
        learner: Learner,
        program: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        let environment = [
            ("PATH", PATH.into()),
            ("HOME", learner.home()),
            ("TMPDIR", learner.tmp()),
            ("EXPLORE_ROOT", learner.state()),
            ("EXPLORE", learner.inner.binary.clone()),
            ("LANG", "C.UTF-8".into()),
        ];
        Self {
            folder: learner.work(),
            learner,
            before: Vec::new(),
            program: program.into(),
            arguments: arguments.into_iter().map(|one| one.as_ref().to_owned()).collect(),
            environment: environment.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            stdin: None,
            quiet: false,
        }
    }

    /// One more argument.
    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// More arguments.
    pub(crate) fn args<A: AsRef<OsStr>>(self, arguments: impl IntoIterator<Item = A>) -> Self {
        arguments.into_iter().fold(self, Self::arg)
    }

    /// Sets a variable; the tests' own environment is not handed on.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// Columns of whoever reads, where there is no terminal.
    pub(crate) fn width(self, columns: u16) -> Self {
        self.env("COLUMNS", columns.to_string())
    }

    /// Without `EXPLORE_ROOT`: the folders that this user has otherwise. Only for users whose HOME is their own.
    pub(crate) fn usual_folders(mut self) -> Self {
        assert!(self.learner.inner.uid.is_some(), "root's usual folders are the host's");
        self.environment.retain(|(name, _)| name != "EXPLORE_ROOT");
        self
    }

    /// What is typed, or piped, into it; otherwise its standard input is empty.
    pub(crate) fn stdin(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(text.into());
        self
    }

    /// Tells its calls as JSON on standard error: see [`Output::events`].
    pub(crate) fn narrate(mut self) -> Self {
        let words = ["--narrate", "--json"].map(OsString::from);
        self.arguments.splice(0..0, words);
        self
    }

    /// Nobody listens: for a daemon that tells more than a pipe holds.
    pub(crate) fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// Runs it in this folder.
    pub(crate) fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = folder.into();
        self
    }

    /// Puts other programs in front: `strace -f …`, `setsid`, `unshare …`.
    pub(crate) fn wrapped_by<A: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = A>) -> Self {
        self.before = words.into_iter().map(|word| word.as_ref().to_owned()).chain(self.before).collect();
        self
    }

    /// Runs it to its end.
    #[track_caller]
    pub(crate) fn run(self) -> Output {
        let told = self.told();
        self.spawn().finish(&told)
    }

    /// Runs it to its end with nothing to read and nobody who listens; how long that took. It must answer 0.
    #[track_caller]
    pub(crate) fn timed(self) -> Duration {
        let (learner, told) = (self.learner.clone(), self.told());
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let (status, took) = learner.at_machine(|| {
            let began = Instant::now();
            (command.status().unwrap(), began.elapsed())
        });
        assert!(status.success(), "`{told}`: {status}");
        took
    }

    /// Starts it.
    #[track_caller]
    pub(crate) fn spawn(self) -> Running {
        let (learner, stdin, quiet) = (self.learner.clone(), self.stdin.clone(), self.quiet);
        let mut command = self.command();
        command.stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        let output = || if quiet { Stdio::null() } else { Stdio::piped() };
        command.stdout(output()).stderr(output());
        let mut child = start(&learner, &mut command);
        if let (Some(text), Some(mut pipe)) = (stdin, child.stdin.take()) {
            // A thread, for one who does not read must not stop us; it may leave without reading all.
            std::thread::spawn(move || pipe.write_all(&text));
        }
        Running { pid: Pid::from_raw(child.id().cast_signed()), child: Some(child), learner }
    }

    /// Runs it in a terminal of so many columns, 50 rows high.
    pub(crate) fn terminal(self, columns: u16) -> Terminal {
        Terminal::start(self, columns)
    }

    /// The command line as a message shows it.
    pub(super) fn told(&self) -> String {
        let words = std::iter::once(&self.program).chain(&self.arguments);
        words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
    }

    pub(super) fn learner(&self) -> &Learner {
        &self.learner
    }

    /// The command itself, for one who starts it in another way than [`Run::spawn`] does.
    pub(crate) fn command(self) -> Command {
        let mut words = self.before.into_iter().chain([self.program]).chain(self.arguments);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).env_clear().envs(self.environment).current_dir(self.folder);
        if let Some(uid) = self.learner.inner.uid {
            // std clears the supplementary groups too, where root sets a uid.
            command.uid(uid).gid(uid);
        }
        command
    }
}

pub(super) fn start(learner: &Learner, command: &mut Command) -> Child {
    learner.at_machine(|| command.spawn()).unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"))
}

/// A command that runs. One that is dropped is killed.
#[derive(Debug)]
pub(crate) struct Running {
    /// Its number as the tests see it.
    pub(crate) pid: Pid,
    child: Option<Child>,
    learner: Learner,
}

impl Running {
    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let _ = kill(self.pid, signal);
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn finish(mut self, told: &str) -> Output {
        let child = self.child.take().unwrap();
        let (done, ended) = channel();
        std::thread::spawn(move || done.send(child.wait_with_output()));
        let Ok(output) = ended.recv_timeout(PATIENCE) else {
            self.signal(Signal::SIGKILL);
            panic!("`{told}` does not end, or something that it left behind holds its output");
        };
        let output = output.unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        Output::new(&self.learner, told, output.status, stdout, stderr)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What a command answered. The learner's folder reads `[HERE]` in both streams.
#[derive(Debug)]
pub(crate) struct Output {
    told: String,
    /// As a shell shows it: 128+n where signal n ended the command.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Output {
    #[track_caller]
    pub(super) fn new(learner: &Learner, told: &str, status: ExitStatus, out: String, err: String) -> Self {
        let code = status.code().or(status.signal().map(|signal| 128 + signal)).unwrap();
        let here = learner.everything().to_string_lossy().into_owned();
        let redacted = |text: String| text.replace(&here, "[HERE]");
        let output = Self { told: told.replace(&here, "[HERE]"), code, out: redacted(out), err: redacted(err) };
        assert!(!output.err.contains("panicked at"), "it panicked\n{}", output.shown());
        output
    }

    /// The exit code is this.
    #[track_caller]
    pub(crate) fn status(self, code: i32) -> Self {
        assert!(self.code == code, "exit code {} where {code} was expected\n{}", self.code, self.shown());
        self
    }

    /// Standard output is exactly this.
    #[track_caller]
    pub(crate) fn stdout(self, text: &str) -> Self {
        assert!(self.out == text, "expected on standard output:\n{text}\n{}", self.shown());
        self
    }

    /// Standard error is exactly this.
    #[track_caller]
    pub(crate) fn stderr(self, text: &str) -> Self {
        assert!(self.err == text, "expected on standard error:\n{text}\n{}", self.shown());
        self
    }

    /// Standard output holds this.
    #[track_caller]
    pub(crate) fn stdout_has(self, text: &str) -> Self {
        assert!(self.out.contains(text), "not on standard output: {text}\n{}", self.shown());
        self
    }

    /// Standard error holds this.
    #[track_caller]
    pub(crate) fn stderr_has(self, text: &str) -> Self {
        assert!(self.err.contains(text), "not on standard error: {text}\n{}", self.shown());
        self
    }

    /// A failure told as the house tells it: `explore: …` once, then at most a `hint: …`, nothing on standard output.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, message: &str) -> Self {
        let output = self.status(code).stdout("").stderr_has(message);
        let lines: Vec<&str> = output.err.lines().collect();
        let shaped = lines.iter().enumerate().all(|(number, line)| match number {
            0 => line.starts_with("explore: "),
            1 => line.starts_with("hint: "),
            _ => false,
        });
        assert!(shaped, "an error is one line `explore: …` and at most one `hint: …`\n{}", output.shown());
        assert!(!lines[0].ends_with('.'), "an error ends without a period\n{}", output.shown());
        output
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("not JSON: {error}\n{}", self.shown()))
    }

    /// The events that [`Run::narrate`] told.
    #[track_caller]
    pub(crate) fn events(&self) -> Vec<serde_json::Value> {
        let event = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("not an event: {line}: {error}\n{}", self.shown()))
        };
        self.err.lines().filter(|line| line.starts_with('{')).map(event).collect()
    }

    /// The whole answer, for a message.
    pub(crate) fn shown(&self) -> String {
        let Self { told, code, out, err } = self;
        format!("$ {told}\nexit code {code}\n--- standard output\n{out}\n--- standard error\n{err}\n---")
    }
}
