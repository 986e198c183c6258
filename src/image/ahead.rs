//! Reads ahead in a thread of its own: while one core places files, another inflates and digests what comes next. The two
//! halves take about as long.
//!
//! Four pieces of 256 KiB go round between the two, so memory stays the same for any layer. The thread ends with the
//! value: nothing of it is left when it comes to forking.

use super::digest::{Digest, Hashing};
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

const PIECE: usize = 256 << 10;
const PIECES: usize = 4;

/// The reading end.
#[derive(Debug)]
pub(super) struct Ahead {
    full: Option<Receiver<io::Result<Vec<u8>>>>,
    empty: Option<Sender<Vec<u8>>>,
    current: Vec<u8>,
    at: usize,
    ended: bool,
    thread: Option<JoinHandle<Option<Digest>>>,
}

impl Ahead {
    /// Of what `open` opens, there, in the thread.
    pub(super) fn of(open: impl FnOnce() -> io::Result<Box<dyn Read>> + Send + 'static) -> io::Result<Self> {
        let (full_in, full) = sync_channel(PIECES);
        let (empty, empty_out) = channel();
        for _ in 0..PIECES {
            let _ = empty.send(vec![0; PIECE]);
        }
        let thread = std::thread::Builder::new().name("inflate".to_owned());
        let thread = thread.spawn(move || {
            let end = open().and_then(|reader| forward(reader, &full_in, &empty_out));
            let (end, digest) = end.map_or_else(|error| (Err(error), None), |digest| (Ok(Vec::new()), digest));
            // An empty piece is the end. A thread that dies sends none, and that is an error.
            let _ = full_in.send(end);
            digest
        })?;
        let (full, empty, thread) = (Some(full), Some(empty), Some(thread));
        Ok(Self { full, empty, current: Vec::new(), at: 0, ended: false, thread })
    }

    /// The digest of all that came. Only to be asked at its end: of a part there is none.
    pub(super) fn digest(mut self) -> io::Result<Digest> {
        self.close().ok_or_else(|| io::Error::other("the thread that inflates has ended"))
    }

    /// Both channels first: the thread then finds nobody, and ends.
    fn close(&mut self) -> Option<Digest> {
        drop((self.full.take(), self.empty.take()));
        self.thread.take().and_then(|thread| thread.join().ok().flatten())
    }

    fn next(&mut self) -> io::Result<()> {
        let died = || io::Error::other("the thread that inflates has ended");
        let next = self.full.as_ref().and_then(|full| full.recv().ok()).ok_or_else(died)?;
        let used = std::mem::replace(&mut self.current, next.inspect_err(|_| self.ended = true)?);
        self.at = 0;
        self.ended = self.current.is_empty();
        if let Some(empty) = self.empty.as_ref().filter(|_| used.capacity() > 0) {
            let _ = empty.send(used);
        }
        Ok(())
    }
}

/// Until the end, with its digest, or until nobody reads any more.
fn forward(
    reader: Box<dyn Read>,
    full: &SyncSender<io::Result<Vec<u8>>>,
    empty: &Receiver<Vec<u8>>,
) -> io::Result<Option<Digest>> {
    let mut reader = Hashing::new(reader);
    while let Ok(mut piece) = empty.recv() {
        // It has been here before, and is as long as what was read then.
        piece.resize(PIECE, 0);
        let count = fill(&mut reader, &mut piece)?;
        piece.truncate(count);
        if count == 0 {
            return Ok(Some(reader.finish().1));
        }
        if full.send(Ok(piece)).is_err() {
            break;
        }
    }
    Ok(None)
}

/// As much as there is room for, less only at the end.
fn fill(reader: &mut dyn Read, room: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < room.len() {
        match reader.read(&mut room[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

impl Read for Ahead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.current.len() && !self.ended {
            self.next()?;
        }
        let count = buffer.len().min(self.current.len() - self.at);
        buffer[..count].copy_from_slice(&self.current[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_out_is_what_went_in_and_an_error_stays_one() {
        let long: Vec<u8> = (0..3_000_001_u32).map(|number| number.to_le_bytes()[0]).collect();
        let mut read = Vec::new();
        let source = long.clone();
        let mut ahead = Ahead::of(|| Ok(Box::new(io::Cursor::new(source)))).unwrap();
        ahead.read_to_end(&mut read).unwrap();
        assert!(read == long);
        assert_eq!(ahead.digest().unwrap(), Digest::of(&long));

        let broken = flate2::read::GzDecoder::new(&b"this is no gzip"[..]);
        let mut ahead = Ahead::of(|| Ok(Box::new(broken))).unwrap();
        assert!(ahead.read(&mut [0; 16]).is_err());
        assert_eq!(ahead.read(&mut [0; 16]).unwrap(), 0, "it is said once");
    }

    #[test]
    fn one_that_is_left_early_leaves_no_thread_and_has_no_digest() {
        drop(Ahead::of(|| Ok(Box::new(io::repeat(1)))).unwrap());
        let mut left = Ahead::of(|| Ok(Box::new(io::repeat(1)))).unwrap();
        left.read_exact(&mut [0; 9]).unwrap();
        assert!(left.digest().is_err());
    }
}
