//! What the two sides of a guest's only cable say to each other: a kind, a length, that many bytes. One cable for all, so
//! that the last word is the last word.

use std::io;

/// No honest side sends more at once.
const MOST: usize = 1 << 20;

/// One thing that is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// The guest is up, and its command is about to be started.
    Ready,
    /// Bytes that the command has written to standard output.
    Out(Vec<u8>),
    /// The same of standard error.
    Err(Vec<u8>),
    /// The command has ended with this code.
    Ended(u8),
    /// The guest could not get as far as the command, and why.
    Failed(String),
    /// Bytes for the command's standard input.
    In(Vec<u8>),
    /// There are no more.
    InEnded,
    /// The reader's terminal has this many rows and columns.
    Size(u16, u16),
    /// A signal for the command.
    Signal(u8),
}

impl Frame {
    /// The bytes that go over the cable.
    pub fn encode(&self) -> Vec<u8> {
        let (kind, body): (u8, Vec<u8>) = match self {
            Self::Ready => (0, Vec::new()),
            Self::Out(bytes) => (1, bytes.clone()),
            Self::Err(bytes) => (2, bytes.clone()),
            Self::Ended(code) => (3, vec![*code]),
            Self::Failed(text) => (4, text.clone().into_bytes()),
            Self::In(bytes) => (5, bytes.clone()),
            Self::InEnded => (6, Vec::new()),
            Self::Size(rows, columns) => (7, [rows.to_le_bytes(), columns.to_le_bytes()].concat()),
            Self::Signal(number) => (8, vec![*number]),
        };
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        [&[kind][..], &length.to_le_bytes(), &body].concat()
    }

    fn decode(kind: u8, body: &[u8]) -> Option<Self> {
        let number = |at: usize| Some(u16::from_le_bytes([*body.get(at)?, *body.get(at + 1)?]));
        Some(match kind {
            0 => Self::Ready,
            1 => Self::Out(body.to_vec()),
            2 => Self::Err(body.to_vec()),
            3 => Self::Ended(*body.first()?),
            4 => Self::Failed(String::from_utf8_lossy(body).into_owned()),
            5 => Self::In(body.to_vec()),
            6 => Self::InEnded,
            7 => Self::Size(number(0)?, number(2)?),
            8 => Self::Signal(*body.first()?),
            _ => return None,
        })
    }
}

/// Bytes that have come, until they are a frame.
#[derive(Debug, Default)]
pub struct Incoming {
    bytes: Vec<u8>,
}

impl Incoming {
    /// Takes what was read.
    pub fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole frame.
    ///
    /// # Errors
    /// `InvalidData`: what came is none, or is longer than any may be.
    pub fn take_frame(&mut self) -> io::Result<Option<Frame>> {
        let Some((head, rest)) = self.bytes.split_first_chunk::<5>() else { return Ok(None) };
        let [kind, length @ ..] = *head;
        let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        let garbled = || io::Error::new(io::ErrorKind::InvalidData, "what came over the guest's cable is no message");
        if length > MOST {
            return Err(garbled());
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let frame = Frame::decode(kind, body).ok_or_else(garbled)?;
        self.bytes.drain(..head.len() + length);
        Ok(Some(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_arrives_however_it_is_cut() {
        let frames = [
            Frame::Ready,
            Frame::Out(b"out\0".to_vec()),
            Frame::Err(Vec::new()),
            Frame::In(vec![0xff; 70_000]),
            Frame::InEnded,
            Frame::Size(24, 80),
            Frame::Signal(2),
            Frame::Failed("why".into()),
            Frame::Ended(137),
        ];
        let sent: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
        for piece in [1, 7, 4096] {
            let mut incoming = Incoming::default();
            let mut heard = Vec::new();
            for bytes in sent.chunks(piece) {
                incoming.add(bytes);
                while let Some(frame) = incoming.take_frame().unwrap() {
                    heard.push(frame);
                }
            }
            assert_eq!(heard, frames, "in pieces of {piece}");
        }
    }

    #[test]
    fn what_is_no_message_is_refused_before_it_is_waited_for() {
        for bytes in [[9, 0, 0, 0, 0], [1, 0, 0, 0, 0xff], [3, 0, 0, 0, 0]] {
            let mut incoming = Incoming::default();
            incoming.add(&bytes);
            assert!(incoming.take_frame().is_err(), "{bytes:?}");
        }
    }
}
