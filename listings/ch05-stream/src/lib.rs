//! Frames in a stream of bytes: a length (four bytes, big-endian), then so many bytes.
//!
//! Nothing in here reads or writes. A program, blocking or async, hands over the bytes
//! that have come, in whatever pieces, and takes out the frames that are whole.

use thiserror::Error;

/// The most bytes that a frame may carry.
pub const MOST: usize = 65_536;

/// How many bytes say the length.
const HEAD: usize = 4;

// ANCHOR: error
/// What is wrong with a stream of frames. There is nothing to be done but close it:
/// nobody can say where its next frame begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// The length says more than [`MOST`].
    #[error("a frame of {0} bytes; {MOST} are allowed")]
    TooLong(usize),
    /// The stream ended inside a length.
    #[error(
        "the stream ended inside a length: {missing} of {HEAD} bytes are missing"
    )]
    CutLength {
        /// How many bytes of the length never came.
        missing: usize,
    },
    /// The stream ended inside a frame.
    #[error(
        "the stream ended inside a frame: {missing} of {length} bytes are missing"
    )]
    CutFrame {
        /// How many bytes never came.
        missing: usize,
        /// How many were announced.
        length: usize,
    },
}
// ANCHOR_END: error

// ANCHOR: encode
/// A frame as it travels, in one piece, so that one `write_all` sends it.
///
/// # Errors
/// [`FrameError::TooLong`]: the payload has more than [`MOST`] bytes.
pub fn encode(payload: &[u8]) -> Result<Vec<u8>, FrameError> {
    let length = match u32::try_from(payload.len()) {
        Ok(length) if payload.len() <= MOST => length,
        _ => return Err(FrameError::TooLong(payload.len())),
    };
    let mut frame = Vec::with_capacity(HEAD + payload.len());
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(payload);
    Ok(frame)
}
// ANCHOR_END: encode

// ANCHOR: decoder
/// Keeps what has come, and gives out the frames that are whole.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
    /// How many of `bytes` have been given out.
    taken: usize,
}

impl Decoder {
    /// Takes in what a `read` returned, whatever it is.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }
    // ANCHOR_END: decoder

    // ANCHOR: next-frame
    /// The next frame's payload, if all of it is here.
    ///
    /// # Errors
    /// [`FrameError::TooLong`], as soon as the length is here, and again at every call.
    pub fn next_frame(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        let Some((head, rest)) =
            self.bytes[self.taken..].split_first_chunk::<HEAD>()
        else {
            return Ok(None); // ❶ the length itself is not whole
        };
        let length = announced(*head)?; // ❷
        let Some(payload) = rest.get(..length) else {
            return Ok(None); // ❸ as many bytes have not come yet
        };
        let payload = payload.to_vec();
        self.taken += HEAD + length;
        Ok(Some(payload))
    }
    // ANCHOR_END: next-frame

    // ANCHOR: finish
    /// To be asked at the end of the stream, when every whole frame has been taken: was
    /// that a border?
    ///
    /// # Errors
    /// The stream ended inside a length or inside a frame.
    pub fn finish(&self) -> Result<(), FrameError> {
        let left = &self.bytes[self.taken..];
        match left.split_first_chunk::<HEAD>() {
            None if left.is_empty() => Ok(()),
            None => Err(FrameError::CutLength { missing: HEAD - left.len() }),
            Some((head, rest)) => {
                let length = announced(*head)?;
                let missing = length.saturating_sub(rest.len());
                Err(FrameError::CutFrame { missing, length })
            }
        }
    }
    // ANCHOR_END: finish
}

/// The length that a head announces, unless it is more than [`MOST`].
fn announced(head: [u8; HEAD]) -> Result<usize, FrameError> {
    match usize::try_from(u32::from_be_bytes(head)) {
        Ok(length) if length <= MOST => Ok(length),
        Ok(length) => Err(FrameError::TooLong(length)),
        Err(_) => Err(FrameError::TooLong(usize::MAX)),
    }
}
