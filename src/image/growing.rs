//! A file that one thread writes while another reads it: a layer is unpacked while it still comes.
//!
//! The file itself is the buffer. A slow reader holds nobody up, a fast one waits, and memory stays as it is however large
//! the layer. What the reader makes of it counts only once the writer has found the digest to be right.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// How far the writer is.
#[derive(Debug, Default)]
pub struct Growing {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default, Clone, Copy)]
struct State {
    bytes: u64,
    /// Whether all came, once the writer has ended.
    ended: Option<bool>,
}

impl Growing {
    /// From the writer: so many bytes stand in the file.
    pub fn reached(&self, bytes: u64) {
        self.state().bytes = bytes;
        self.changed.notify_all();
    }

    /// From the writer: nothing follows.
    pub fn end(&self, whole: bool) {
        self.state().ended.get_or_insert(whole);
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is more than `at`, or an end.
    fn beyond(&self, at: u64) -> State {
        let mut state = self.state();
        while state.bytes <= at && state.ended.is_none() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        *state
    }
}

/// Says that nothing follows, however its owner ends.
#[derive(Debug)]
pub struct Ender<'a>(pub &'a Growing);

impl Drop for Ender<'_> {
    fn drop(&mut self) {
        self.0.end(false);
    }
}

/// Reads behind the writer.
#[derive(Debug)]
pub struct Follower {
    file: File,
    at: u64,
    growing: Arc<Growing>,
}

impl Follower {
    /// Of `file`, from its start.
    pub fn new(file: File, growing: Arc<Growing>) -> Self {
        Self { file, at: 0, growing }
    }
}

impl Read for Follower {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let state = self.growing.beyond(self.at);
        let there = usize::try_from(state.bytes - self.at).unwrap_or(usize::MAX).min(buffer.len());
        if there == 0 && !buffer.is_empty() && state.ended != Some(true) {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the download ended before the layer did"));
        }
        let count = self.file.read_at(&mut buffer[..there], self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn pair() -> (File, Follower, Arc<Growing>) {
        let named = tempfile::NamedTempFile::new().unwrap();
        let growing = Arc::new(Growing::default());
        let follower = Follower::new(named.reopen().unwrap(), growing.clone());
        (named.into_file(), follower, growing)
    }

    #[test]
    fn the_reader_gets_all_of_what_comes_in_pieces() {
        let (mut file, mut follower, growing) = pair();
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            follower.read_to_string(&mut text).map(|_| text)
        });
        for (piece, length) in [("one ", 4), ("two ", 8), ("three", 13)] {
            file.write_all(piece.as_bytes()).unwrap();
            growing.reached(length);
        }
        growing.end(true);
        assert_eq!(reader.join().unwrap().unwrap(), "one two three");
    }

    #[test]
    fn a_download_that_breaks_is_no_end_of_file() {
        let (mut file, mut follower, growing) = pair();
        file.write_all(b"half").unwrap();
        growing.reached(4);
        drop(Ender(&growing));
        let mut text = String::new();
        assert!(follower.read_to_string(&mut text).is_err());
        assert_eq!(text, "half");
    }
}
