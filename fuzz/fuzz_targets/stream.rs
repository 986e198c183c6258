//! A compressed layer as it comes over the wire: gzip with any number of members, zstd with any number of frames.
#![no_main]

use explore::image::limits::Limits;
use explore::image::stream::LayerStream;
use libfuzzer_sys::fuzz_target;
use std::io::{Cursor, Read};

const MOST: u64 = 8 << 20;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { unpacked: MOST, ratio: 50, ratio_from: 1 << 16, ..Limits::default() };
    let read = |from: Box<dyn Read + Send>| LayerStream::of_layer(from, bytes.len() as u64, "it", &limits)?.finish();
    let whole = read(Box::new(Cursor::new(bytes.to_vec())));
    // In pieces as a network gives them it must be the same.
    let pieces = read(Box::new(Pieces(bytes.to_vec(), 0)));
    match (whole, pieces) {
        (Ok(one), Ok(other)) => assert_eq!(one, other),
        (Err(_), Err(_)) => {}
        (one, other) => panic!("whole {one:?}, in pieces {other:?}"),
    }
});

/// Gives one byte, then two, then three, …
struct Pieces(Vec<u8>, usize);

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.1 += 1;
        let length = self.1.min(buffer.len()).min(self.0.len());
        buffer[..length].copy_from_slice(&self.0[..length]);
        self.0.drain(..length);
        Ok(length)
    }
}
