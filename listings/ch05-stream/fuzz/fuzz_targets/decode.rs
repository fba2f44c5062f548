//! Whatever comes, decoding it ends, and how it was cut makes no difference.
#![no_main]

use ch05_stream::{Decoder, FrameError};

fn decode<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Result<Vec<Vec<u8>>, FrameError> {
    let mut decoder = Decoder::default();
    let mut frames = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        while let Some(frame) = decoder.next_frame()? {
            frames.push(frame);
        }
    }
    decoder.finish().map(|()| frames)
}

libfuzzer_sys::fuzz_target!(|input: (u8, &[u8])| {
    let (size, stream) = input;
    let pieces = stream.chunks(usize::from(size).max(1));
    assert_eq!(decode(pieces), decode(std::iter::once(stream)));
});
