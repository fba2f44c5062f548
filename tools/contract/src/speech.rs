//! What clients say, in the service's form.

use crate::claims::Service;

/// The most bytes one frame of ours carries; any codec that bounds its frames allows as many.
const FRAME: usize = 1000;

/// The bytes as they travel: as they are, or cut into frames (a length of four bytes, big-endian, then the payload).
/// An answer travels as the question did, so the same bytes are expected back.
pub(crate) fn travelling(service: Service, payload: &[u8]) -> Vec<u8> {
    match service {
        Service::Echo | Service::Other => payload.to_vec(),
        Service::Frames => payload
            .chunks(FRAME)
            .flat_map(|part| {
                let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
                length.to_be_bytes().into_iter().chain(part.iter().copied())
            })
            .collect(),
    }
}

/// Eleven bytes nobody else says: the number of who says them comes first, so that any beginning of the answer tells.
pub(crate) fn greeting(number: usize) -> Vec<u8> {
    format!("{:04} ferris", number % 10_000).into_bytes()
}

/// So many bytes in which every value occurs and no stretch repeats soon, so that a byte lost, doubled or moved shows.
pub(crate) fn mixed(length: usize) -> Vec<u8> {
    // xorshift32 (Marsaglia 2003): any generator would do, this one is four lines.
    let mut state = 0x9e37_79b9_u32;
    let mut bytes = Vec::with_capacity(length + 3);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_travels_as_it_is_and_a_frame_behind_its_length() {
        assert_eq!(travelling(Service::Echo, b"Hi"), b"Hi");
        assert_eq!(travelling(Service::Frames, b"Hi"), b"\0\0\0\x02Hi");
    }

    #[test]
    fn a_long_payload_is_several_frames() {
        let bytes = travelling(Service::Frames, &[7; 2 * FRAME + 1]);
        assert_eq!(bytes.len(), 2 * FRAME + 1 + 3 * 4);
        assert_eq!(bytes[bytes.len() - 5..], [0, 0, 0, 1, 7]);
    }

    #[test]
    fn greetings_are_eleven_bytes_and_differ_from_the_first_four_on() {
        assert_eq!(greeting(7), b"0007 ferris");
        assert_ne!(greeting(7)[..4], greeting(8)[..4]);
    }

    #[test]
    fn mixed_bytes_hold_every_value_and_repeat_nothing_soon() {
        let bytes = mixed(64 * 1024);
        for value in 0..=255 {
            assert!(bytes.contains(&value), "{value}");
        }
        assert!(bytes.windows(8).skip(1).all(|window| window != &bytes[..8]));
    }
}
