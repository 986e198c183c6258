//! A command in a pseudo-terminal, with the screen that a reader would see.

use super::{Learner, Output, PATIENCE, Run, run};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{OpenptyResult, openpty};
use std::num::NonZeroU16;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Stdio};
use std::time::Instant;

/// Rows of every terminal here.
const ROWS: u16 = 50;

/// A terminal in which one command runs.
pub(crate) struct Terminal {
    learner: Learner,
    told: String,
    master: OwnedFd,
    child: Child,
    screen: vt100::Parser,
    transcript: Vec<u8>,
    /// What lies before this was already waited for.
    read: usize,
}

impl Terminal {
    pub(super) fn start(run: Run, columns: u16) -> Self {
        let size = nix::pty::Winsize { ws_row: ROWS, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let OpenptyResult { master, slave } = openpty(Some(&size), None).unwrap();
        let (learner, told) = (run.learner().clone(), run.told());
        // setsid(1) makes its standard input the controlling terminal, and then becomes the command.
        let mut command = run.env("TERM", "xterm-256color").wrapped_by(["setsid", "--ctty"]).command();
        let end = || Stdio::from(slave.try_clone().unwrap());
        command.stdin(end()).stdout(end()).stderr(end());
        let child = run::start(&learner, &mut command);
        let number = |value| NonZeroU16::new(value).unwrap();
        let screen = vt100::Parser::new(number(ROWS), number(columns), 10_000);
        Self { learner, told, master, child, screen, transcript: Vec::new(), read: 0 }
    }

    /// Reads on until `text` comes, colours left out; what came before it does not count the next time.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            let plain = plain(&self.transcript);
            if let Some(at) = plain[self.read..].find(text) {
                self.read += at + text.len();
                return;
            }
            let more = self.read_once();
            assert!(more && Instant::now() < until, "`{text}` never came\n{}", self.shown());
        }
    }

    /// Types this, without Enter: `"\x03"` is Ctrl-C.
    pub(crate) fn keys(&mut self, keys: &str) {
        nix::unistd::write(&self.master, keys.as_bytes()).unwrap();
    }

    /// Types a line and Enter.
    pub(crate) fn type_line(&mut self, line: &str) {
        self.keys(&format!("{line}\r"));
    }

    /// The number of its process as the tests see it.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What is on the screen.
    pub(crate) fn screen(&self) -> String {
        self.screen.screen().contents()
    }

    /// Everything that was written so far, colours left out.
    pub(crate) fn transcript(&self) -> String {
        plain(&self.transcript)
    }

    /// Everything as the terminal got it.
    pub(crate) fn raw(&self) -> &[u8] {
        &self.transcript
    }

    /// Waits for the end. Standard output and standard error are one here: both are in `out`.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Output {
        let until = Instant::now() + PATIENCE;
        while self.read_once() {
            assert!(Instant::now() < until, "it does not end\n{}", self.shown());
        }
        let status = self.child.wait().unwrap();
        let out = self.transcript().replace("\r\n", "\n");
        Output::new(&self.learner, &self.told, status, out, String::new())
    }

    /// Reads what there is; false when nobody holds the other end any more, or nothing comes for too long.
    fn read_once(&mut self) -> bool {
        let mut ready = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(PATIENCE).unwrap();
        if poll(&mut ready, timeout).unwrap() == 0 {
            return false;
        }
        let mut buffer = [0; 4096];
        // EIO is how a master says that the last slave is closed.
        let Ok(length @ 1..) = nix::unistd::read(&self.master, &mut buffer) else { return false };
        self.screen.process(&buffer[..length]);
        self.transcript.extend_from_slice(&buffer[..length]);
        true
    }

    fn shown(&self) -> String {
        format!("$ {}\n--- screen\n{}\n---", self.told, self.screen())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The text without its escape sequences.
fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '\x1b' {
            plain.push(character);
            continue;
        }
        match characters.next() {
            // A control sequence ends with its first letter; a title with a bell.
            Some('[') => while characters.next().is_some_and(|next| !next.is_ascii_alphabetic()) {},
            Some(']') => while characters.next().is_some_and(|next| next != '\x07') {},
            _ => {}
        }
    }
    plain
}
