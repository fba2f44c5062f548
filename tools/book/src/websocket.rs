//! As much of the web socket protocol (RFC 6455) as live reload needs: the handshake, a short text to the page, and
//! an eye on whether the page is still there.

use sha1::{Digest, Sha1};
use std::io::{self, Read};

/// A frame's kind (section 5.2).
pub mod opcode {
    /// Text.
    pub const TEXT: u8 = 1;
    /// The end; to be answered with the same.
    pub const CLOSE: u8 = 8;
    /// To be answered with a pong of the same content.
    pub const PING: u8 = 9;
    /// The answer to a ping.
    pub const PONG: u8 = 10;
}

/// A page has nothing to say that is longer than this, in bytes.
const LONGEST: u64 = 4096;

/// The value of `Sec-WebSocket-Accept` that answers a key (section 4.2.2).
pub fn accept(key: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(key.as_bytes());
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    base64(&hash.finalize())
}

/// A whole message of a server in one frame, unmasked.
///
/// # Panics
/// `content` is longer than 125 bytes, the longest that fits the short form.
pub fn frame(opcode: u8, content: &[u8]) -> Vec<u8> {
    assert!(content.len() <= 125, "a frame of the short form holds 125 bytes");
    [&[0x80 | opcode, content.len() as u8], content].concat()
}

/// One frame of a client.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    /// What kind it is.
    pub opcode: u8,
    /// Its content, unmasked.
    pub content: Vec<u8>,
}

/// Reads one frame of a client.
///
/// # Errors
/// The connection ended, or the frame is not masked, as a client's must be, or is longer than any page's.
pub fn read(mut stream: impl Read) -> io::Result<Frame> {
    let invalid = |said: &'static str| io::Error::new(io::ErrorKind::InvalidData, said);
    let mut head = [0; 2];
    stream.read_exact(&mut head)?;
    if head[1] & 0x80 == 0 {
        return Err(invalid("a client's frame must be masked"));
    }
    let length = match head[1] & 0x7f {
        126 => {
            let mut bytes = [0; 2];
            stream.read_exact(&mut bytes)?;
            u64::from(u16::from_be_bytes(bytes))
        }
        127 => {
            let mut bytes = [0; 8];
            stream.read_exact(&mut bytes)?;
            u64::from_be_bytes(bytes)
        }
        short => u64::from(short),
    };
    if length > LONGEST {
        return Err(invalid("a page has nothing so long to say"));
    }
    let mut mask = [0; 4];
    stream.read_exact(&mut mask)?;
    let mut content = vec![0; length as usize];
    stream.read_exact(&mut content)?;
    for (byte, key) in content.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
    Ok(Frame {
        opcode: head[0] & 0x0f,
        content,
    })
}

/// Base64 with padding (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes
        .chunks(3)
        .flat_map(|chunk| {
            let bits = (0..3).fold(0, |bits, index| {
                bits << 8 | u32::from(*chunk.get(index).unwrap_or(&0))
            });
            (0..4).map(move |index| match index <= chunk.len() {
                true => char::from(DIGITS[(bits >> (18 - 6 * index)) as usize & 63]),
                false => '=',
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_rfc_gets_the_answer_of_the_rfc() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn base64_pads_as_the_rfc_shows() {
        let shown = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ];
        for (plain, encoded) in shown {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }

    #[test]
    fn the_unmasked_and_the_masked_hello_of_the_rfc() {
        assert_eq!(
            frame(opcode::TEXT, b"Hello"),
            [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]
        );
        let masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(
            read(&masked[..]).unwrap(),
            Frame {
                opcode: opcode::TEXT,
                content: b"Hello".to_vec()
            }
        );
    }

    #[test]
    fn a_frame_without_a_mask_or_without_measure_is_refused() {
        assert!(read(&[0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f][..]).is_err());
        assert!(read(&[0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0][..]).is_err());
    }
}
