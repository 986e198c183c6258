//! From the blob to the tar stream inside it: decompressed, digested, and never more than is allowed.
//!
//! The kind of compression is seen from the first bytes, as Docker sees it: the media type is only what a registry
//! says. Both gzip and zstd allow several members one after the other; a reader of the first alone would silently drop
//! files.

use super::ahead::Ahead;
use super::digest::{Digest, Hashing};
use super::limits::{Exceeded, Limits};
use std::cell::Cell;
use std::io::{self, BufReader, Cursor, Read};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

/// How a layer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// Not at all.
    Plain,
}

impl Compression {
    /// How many bytes it takes to tell.
    const LONGEST_SIGN: usize = 4;

    /// By the first bytes.
    pub fn of(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::Plain,
        }
    }
}

/// Where it comes from, and is digested.
enum Source {
    /// In another thread, ahead of who reads.
    Ahead(Ahead),
    /// By who reads.
    Here(Hashing<Box<dyn Read>>),
}

impl Source {
    fn here(reader: impl Read + 'static) -> Self {
        Self::Here(Hashing::new(Box::new(reader)))
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Ahead(ahead) => ahead.read(buffer),
            Self::Here(hashing) => hashing.read(buffer),
        }
    }
}

/// The tar stream of a layer.
pub struct LayerStream {
    source: Source,
    /// How much has been read.
    bytes: u64,
    ceiling: Exceeded,
    ceiling_bytes: u64,
    header_limit: u64,
    /// How much may still be read before the next content: what bounds a long name or an attribute, which the tar
    /// crate reads into memory whole.
    header: Rc<Cell<Option<u64>>>,
    /// Set where a limit ended the stream; an [`io::Error`] on its own would lose the type.
    exceeded: Rc<Cell<Option<Exceeded>>>,
}

/// What the reader of the stream keeps while the tar crate holds the stream.
pub struct Gate {
    header: Rc<Cell<Option<u64>>>,
    exceeded: Rc<Cell<Option<Exceeded>>>,
    limit: u64,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("header", &self.header).field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl Gate {
    /// From here on a header is read.
    pub fn expect_header(&self) {
        self.header.set(Some(self.limit));
    }

    /// From here on content is read.
    pub fn expect_content(&self) {
        self.header.set(None);
    }

    /// The limit that ended the stream.
    pub fn exceeded(&self) -> Option<Exceeded> {
        self.exceeded.take()
    }
}

impl LayerStream {
    /// Around a layer that is `size` bytes long as it was sent; `name` is what the limits are told about. What is
    /// compressed is inflated and digested in a thread of its own, which ends with this value.
    ///
    /// # Errors
    /// Those of read(2) and of the decompressor.
    pub fn of_layer(from: Box<dyn Read + Send>, size: u64, name: &str, limits: &Limits) -> io::Result<Self> {
        let (compression, buffered) = begin(from)?;
        let source = match compression {
            Compression::Plain => Source::here(buffered),
            Compression::Gzip | Compression::Zstd => {
                let held = Arc::new(Mutex::new(Some(buffered)));
                let take = |held: &Mutex<Option<_>>| held.lock().ok().and_then(|mut held| held.take());
                let open = move |held: &Mutex<Option<_>>| {
                    let from = take(held).ok_or_else(|| io::Error::other("the stream was taken"))?;
                    decoder(compression, from)
                };
                let theirs = held.clone();
                // Where no thread can be had (a limit of tasks), one does both.
                match Ahead::of(move || open(&theirs)) {
                    Ok(ahead) => Source::Ahead(ahead),
                    Err(_) => Source::here(open(&held)?),
                }
            }
        };
        Ok(Self::around(source, compression, size, &format!("layer {name}"), limits))
    }

    /// Around any reader; `size` is how much it will give, compressed, where that is known.
    ///
    /// # Errors
    /// Those of read(2) and of the decompressor.
    pub fn new(from: Box<dyn Read>, size: u64, name: &str, limits: &Limits) -> io::Result<Self> {
        let (compression, buffered) = begin(from)?;
        let source = Source::here(decoder(compression, buffered)?);
        Ok(Self::around(source, compression, size, name, limits))
    }

    fn around(source: Source, compression: Compression, size: u64, name: &str, limits: &Limits) -> Self {
        let by_ratio = size.saturating_mul(limits.ratio).max(limits.ratio_from);
        let (ceiling_bytes, unit) = if by_ratio < limits.unpacked && compression != Compression::Plain {
            (by_ratio, "bytes, as many times its compressed size as is allowed")
        } else {
            (limits.unpacked, "bytes unpacked")
        };
        let ceiling = Exceeded { what: name.to_owned(), limit: ceiling_bytes, unit };
        Self {
            source,
            bytes: 0,
            ceiling,
            ceiling_bytes,
            header_limit: limits.header,
            header: Rc::default(),
            exceeded: Rc::default(),
        }
    }

    /// How much has been read.
    pub fn count(&self) -> u64 {
        self.bytes
    }

    /// The gate of this stream.
    pub fn gate(&self) -> Gate {
        Gate { header: self.header.clone(), exceeded: self.exceeded.clone(), limit: self.header_limit }
    }

    /// Reads what is left, and answers the diff ID and the size of all of it.
    ///
    /// # Errors
    /// Those of read(2), of the decompressor, and of the limits.
    pub fn finish(mut self) -> io::Result<(Digest, u64)> {
        self.header.set(None);
        io::copy(&mut self, &mut io::sink())?;
        let digest = match self.source {
            Source::Ahead(ahead) => ahead.digest()?,
            Source::Here(hashing) => hashing.finish().1,
        };
        Ok((digest, self.bytes))
    }

    fn refuse(&self, exceeded: Exceeded) -> io::Error {
        self.exceeded.set(Some(exceeded.clone()));
        io::Error::other(exceeded)
    }
}

/// What a stream begins with, put back in front of it.
type Begun<R> = BufReader<io::Chain<Cursor<Vec<u8>>, R>>;

/// How a stream is compressed. A first read may give a single byte, so as many are read as it takes to tell.
fn begin<R: Read>(mut from: R) -> io::Result<(Compression, Begun<R>)> {
    let mut start = Vec::with_capacity(Compression::LONGEST_SIGN);
    from.by_ref().take(Compression::LONGEST_SIGN as u64).read_to_end(&mut start)?;
    let compression = Compression::of(&start);
    Ok((compression, BufReader::with_capacity(1 << 17, Cursor::new(start).chain(from))))
}

/// All members of a gzip file, all frames of a zstd one.
fn decoder<R: Read + 'static>(compression: Compression, from: BufReader<R>) -> io::Result<Box<dyn Read>> {
    Ok(match compression {
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(from)),
        Compression::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(from)?),
        Compression::Plain => Box::new(from),
    })
}

impl Read for LayerStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.bytes += count as u64;
        if self.bytes > self.ceiling_bytes {
            return Err(self.refuse(self.ceiling.clone()));
        }
        if let Some(left) = self.header.get() {
            let Some(left) = left.checked_sub(count as u64) else {
                let what = "what the archive says about one entry (its name, its attributes)".to_owned();
                return Err(self.refuse(Exceeded { what, limit: self.header_limit, unit: "bytes" }));
            };
            self.header.set(Some(left));
        }
        Ok(count)
    }
}

impl std::fmt::Debug for LayerStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LayerStream").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time, as a slow network may.
    struct Slow(Cursor<Vec<u8>>);

    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = buffer.len().min(1);
            self.0.read(&mut buffer[..most])
        }
    }

    #[test]
    fn what_comes_byte_by_byte_is_inflated_too() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::Write::write_all(&mut packed, b"hello").unwrap();
        let packed = packed.finish().unwrap();
        let (from, size) = (Slow(Cursor::new(packed.clone())), packed.len() as u64);
        let stream = LayerStream::of_layer(Box::new(from), size, "it", &Limits::default()).unwrap();
        assert_eq!(stream.finish().unwrap(), (Digest::of(b"hello"), 5));
    }
}
