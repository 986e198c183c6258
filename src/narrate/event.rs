//! One event and its form on the wire: a record of [`RECORD_SIZE`] bytes.
//!
//! ```text
//! offset  size  what
//!      0     4  magic and version "XPL1"
//!      4     1  phase   0 enter, 1 exit
//!      5     1  role    see Role
//!      8     4  errno   of a failed call, otherwise 0
//!     12     4  micros  when, in microseconds of the wall clock, the low 32 bits
//!     16     8  answer  of the call: a number, a descriptor, a PID
//!     24    24  name of the call
//!     48   712  its arguments, as strace would print them
//!    760   264  why the stage made it
//! ```

use std::fmt::{self, Write};

/// Bytes in one record. One page holds four; a seqpacket socket keeps each whole.
pub const RECORD_SIZE: usize = 1024;

const MAGIC: &[u8; 4] = b"XPL1";
const CALL: std::ops::Range<usize> = 24..48;
const ARGS: std::ops::Range<usize> = 48..760;
const WHY: std::ops::Range<usize> = 760..1024;

/// Before the call, or after it has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The call is about to be made.
    Enter,
    /// The call has answered.
    Exit,
}

/// The process that made a call, by its part in the story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Role {
    /// The command that the user typed.
    Cli = 0,
    /// Owns one container: its terminal, its log, its exit code.
    Supervisor = 1,
    /// Will be PID 1 of a container.
    Init = 2,
    /// Holds the user, network and mount namespace of one who is not root.
    Keeper = 3,
    /// Joins a container to run one more command in it.
    Exec = 4,
    /// A short-lived child that looks at, or changes, one namespace.
    Helper = 5,
}

impl Role {
    pub(super) fn from_byte(byte: u8) -> Self {
        match byte {
            1 => Self::Supervisor,
            2 => Self::Init,
            3 => Self::Keeper,
            4 => Self::Exec,
            5 => Self::Helper,
            _ => Self::Cli,
        }
    }

    /// Its name in every rendering; stable.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cli => "cli",
            Self::Supervisor => "supervisor",
            Self::Init => "init",
            Self::Keeper => "keeper",
            Self::Exec => "exec",
            Self::Helper => "helper",
        }
    }
}

/// One system call, asked or answered.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// Asked or answered.
    pub phase: Phase,
    /// Who asked.
    pub role: Role,
    /// Name of the system call.
    pub call: &'a str,
    /// The arguments, as strace would print them.
    pub args: fmt::Arguments<'a>,
    /// Why the stage made the call; kernel/ does not know.
    pub why: &'a str,
    /// What the call answered; 0 on Enter.
    pub answer: i64,
    /// Why it failed; 0 where it did not.
    pub errno: i32,
}

impl Event<'_> {
    /// The record on the stack: a child between clone and execve must not need the allocator to tell.
    pub(super) fn encode(&self) -> [u8; RECORD_SIZE] {
        let mut record = [0; RECORD_SIZE];
        record[..4].copy_from_slice(MAGIC);
        record[4] = u8::from(self.phase == Phase::Exit);
        record[5] = self.role as u8;
        record[8..12].copy_from_slice(&self.errno.to_ne_bytes());
        record[12..16].copy_from_slice(&now().to_ne_bytes());
        record[16..24].copy_from_slice(&self.answer.to_ne_bytes());
        // A text that does not fit is cut by `Field`; the error that it reports then is of no use to anyone.
        let _ = Field::new(&mut record[CALL]).write_str(self.call);
        let _ = Field::new(&mut record[ARGS]).write_fmt(self.args);
        let _ = Field::new(&mut record[WHY]).write_str(self.why);
        record
    }
}

/// What a reader gets back from a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// PID of the sender as the reader's own PID namespace numbers it: the kernel translates it.
    pub pid: i32,
    /// Asked or answered.
    pub phase: Phase,
    /// Who asked.
    pub role: Role,
    /// Name of the system call.
    pub call: String,
    /// The arguments, as strace would print them.
    pub args: String,
    /// Why the stage made the call.
    pub why: String,
    /// What it answered.
    pub answer: i64,
    /// Why it failed; 0 where it did not.
    pub errno: i32,
    /// When, in microseconds: a counter that begins anywhere and runs over after 71 minutes. Two differ by what lies
    /// between them.
    pub micros: u32,
}

impl Heard {
    /// Reads a record; `None` for anything that is not one of ours.
    pub fn decode(record: &[u8], pid: i32) -> Option<Self> {
        if record.len() != RECORD_SIZE || &record[..4] != MAGIC {
            return None;
        }
        Some(Self {
            pid,
            phase: if record[4] == 0 { Phase::Enter } else { Phase::Exit },
            role: Role::from_byte(record[5]),
            errno: i32::from_ne_bytes(record[8..12].try_into().ok()?),
            micros: u32::from_ne_bytes(record[12..16].try_into().ok()?),
            answer: i64::from_ne_bytes(record[16..24].try_into().ok()?),
            call: text(&record[CALL]),
            args: text(&record[ARGS]),
            why: text(&record[WHY]),
        })
    }
}

/// The wall clock, because a time namespace shifts all the others (time_namespaces(7)). Read by the vDSO: no system call,
/// and no allocation.
fn now() -> u32 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    // The low bits are meant.
    u32::try_from(since.as_micros() & u128::from(u32::MAX)).unwrap_or_default()
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|&b| b == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

/// A text field of fixed size; what does not fit is cut at a character and marked with `...` as strace does.
struct Field<'a> {
    room: &'a mut [u8],
    used: usize,
}

impl<'a> Field<'a> {
    fn new(room: &'a mut [u8]) -> Self {
        Self { room, used: 0 }
    }
}

impl Write for Field<'_> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        let free = self.room.len() - self.used;
        if s.len() <= free {
            self.room[self.used..self.used + s.len()].copy_from_slice(s.as_bytes());
            self.used += s.len();
            return Ok(());
        }
        let mut fits = free.saturating_sub(3);
        while !s.is_char_boundary(fits) {
            fits -= 1;
        }
        self.room[self.used..self.used + fits].copy_from_slice(&s.as_bytes()[..fits]);
        let end = self.room.len();
        let mut mark = (self.used + fits).min(end - 3);
        // What an earlier piece has written may have to make room for the dots: from the start of a character on.
        while mark < self.used && self.room[mark] & 0b1100_0000 == 0b1000_0000 {
            mark -= 1;
        }
        self.room[mark..].fill(b'.');
        self.used = end;
        Err(fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event<'a>(args: fmt::Arguments<'a>, why: &'a str) -> Event<'a> {
        Event { phase: Phase::Exit, role: Role::Init, call: "mount", args, why, answer: -1, errno: 1 }
    }

    #[test]
    fn a_record_comes_back_as_it_was_sent() {
        let sent = event(format_args!("\"proc\", {}", 7), "a fresh /proc").encode();
        let heard = Heard::decode(&sent, 4711).unwrap();
        assert_eq!((heard.pid, heard.phase, heard.role), (4711, Phase::Exit, Role::Init));
        assert_eq!((heard.call.as_str(), heard.args.as_str()), ("mount", "\"proc\", 7"));
        assert_eq!((heard.why.as_str(), heard.answer, heard.errno), ("a fresh /proc", -1, 1));
    }

    #[test]
    fn a_text_too_long_is_cut_at_a_character_and_marked() {
        let long = "é".repeat(400);
        let heard = Heard::decode(&event(format_args!("{long}"), &long).encode(), 1).unwrap();
        assert!(heard.args.ends_with("...") && heard.args.starts_with("éé"));
        assert!(!heard.args.contains('\u{fffd}'), "a character was cut in two");
        assert_eq!(heard.why.len(), 264);
    }

    #[test]
    fn a_text_that_comes_in_pieces_is_cut_wherever_its_room_ends() {
        let room = ARGS.len();
        for left in 0..6 {
            let (most, rest) = ("é".repeat((room - left) / 2) + &"x".repeat((room - left) % 2), "and more than that");
            let heard = Heard::decode(&event(format_args!("{most}{rest}"), "").encode(), 1).unwrap();
            assert!(heard.args.ends_with("...") && heard.args.len() == room, "{left} left: {}", heard.args);
            assert!(!heard.args.contains('\u{fffd}'), "{left} left: a character was cut in two");
        }
    }

    #[test]
    fn what_is_not_a_record_is_not_heard() {
        assert_eq!(Heard::decode(b"hello", 1), None);
        assert_eq!(Heard::decode(&[0; RECORD_SIZE], 1), None);
    }
}
