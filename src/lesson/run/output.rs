//! Reading what a process prints while it runs, and noticing when it has ended.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// More than this of one step is not shown: it would be read by nobody.
pub(super) const MOST: usize = 1 << 20;

/// Bytes that become text as they arrive; a character that is cut in two waits for its rest.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    waiting: Vec<u8>,
    given: usize,
}

impl Decoder {
    pub(super) fn push(&mut self, bytes: &[u8]) -> String {
        self.waiting.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.waiting) {
            // No length of the error: the text ends within a character.
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.waiting.len(),
        };
        let text = String::from_utf8_lossy(&self.waiting.drain(..whole).collect::<Vec<_>>()).into_owned();
        self.cut(text)
    }

    /// What is still waiting, as well as it can be read.
    pub(super) fn finish(&mut self) -> String {
        let text = String::from_utf8_lossy(&std::mem::take(&mut self.waiting)).into_owned();
        self.cut(text)
    }

    fn cut(&mut self, text: String) -> String {
        let before = self.given;
        self.given = before.saturating_add(text.len());
        match (before > MOST, self.given > MOST) {
            (true, _) => String::new(),
            (false, true) => format!("{text}\n… more than {MOST} bytes: the rest is left out\n"),
            (false, false) => text,
        }
    }
}

/// Why waiting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Woken {
    /// One of the descriptors has something, by its place in the list.
    By(usize),
    /// Time is up.
    TimeUp,
}

/// Passes on what `output` gives until one of `signals` is readable, then what is left in it.
pub(super) fn follow(
    output: BorrowedFd<'_>,
    signals: &[BorrowedFd<'_>],
    limit: Duration,
    told: &mut dyn FnMut(&str) -> std::io::Result<()>,
) -> std::io::Result<Woken> {
    let until = Instant::now() + limit;
    let mut decoder = Decoder::default();
    let woken = loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break Woken::TimeUp;
        }
        let mut watched = vec![PollFd::new(output, PollFlags::POLLIN)];
        watched.extend(signals.iter().map(|signal| PollFd::new(*signal, PollFlags::POLLIN)));
        let timeout = PollTimeout::try_from(left.min(Duration::from_secs(3600))).unwrap_or(PollTimeout::MAX);
        match poll(&mut watched, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let ready = |fd: &PollFd<'_>| fd.revents().is_some_and(|events| !events.is_empty());
        let by = watched[1..].iter().position(ready);
        drain(output, &mut decoder, told)?;
        if let Some(by) = by {
            break Woken::By(by);
        }
        // An end of file stays readable for ever: without this pause we would spin until the process has ended too.
        if watched[0].revents().is_some_and(|events| events.contains(PollFlags::POLLHUP)) {
            std::thread::sleep(Duration::from_millis(2));
        }
    };
    tell(&decoder.finish(), told)?;
    Ok(woken)
}

/// Reads what is there now; `output` is non-blocking.
fn drain(
    output: BorrowedFd<'_>,
    decoder: &mut Decoder,
    told: &mut dyn FnMut(&str) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let mut buffer = [0; 8192];
    loop {
        match nix::unistd::read(output.as_fd(), &mut buffer) {
            Ok(0) | Err(Errno::EAGAIN) => return Ok(()),
            Ok(count) => tell(&decoder.push(&buffer[..count]), told)?,
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn tell(text: &str, told: &mut dyn FnMut(&str) -> std::io::Result<()>) -> std::io::Result<()> {
    if text.is_empty() { Ok(()) } else { told(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_that_is_cut_in_two_arrives_whole() {
        let mut decoder = Decoder::default();
        let bytes = "进程".as_bytes();
        assert_eq!(decoder.push(&bytes[..4]), "进");
        assert_eq!(decoder.push(&bytes[4..]), "程");
        assert_eq!(decoder.push(&bytes[..2]), "");
        assert_eq!(decoder.finish(), "\u{fffd}");
        assert_eq!(decoder.push(b"a\xffb"), "a\u{fffd}b");
    }

    #[test]
    fn what_nobody_would_read_is_left_out_and_said_so() {
        let mut decoder = Decoder::default();
        assert!(decoder.push(&vec![b'x'; MOST + 1]).ends_with("the rest is left out\n"));
        assert_eq!(decoder.push(b"more"), "");
    }
}
