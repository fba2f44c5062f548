//! The codec against every way in which a stream may be cut.

use ch05_stream::{Decoder, FrameError, MOST, encode};
use proptest::{collection::vec, prelude::*, sample::Index};

/// All frames of these pieces, and what the end of the stream says.
fn decode(pieces: &[&[u8]]) -> Result<Vec<Vec<u8>>, FrameError> {
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

/// The stream, cut at these places.
fn cut<'a>(stream: &'a [u8], places: &[Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> =
        places.iter().map(|place| place.index(stream.len() + 1)).collect();
    places.push(stream.len());
    places.sort_unstable();
    let mut from = 0;
    let mut pieces = Vec::new();
    for to in places {
        pieces.push(&stream[from..to]);
        from = to;
    }
    pieces
}

fn stream_of(frames: &[Vec<u8>]) -> Vec<u8> {
    frames.iter().flat_map(|frame| encode(frame).expect("short enough")).collect()
}

proptest! {
    // A case that failed is printed, and not kept in a file.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    // ANCHOR: any-split
    #[test]
    fn any_split_of_any_frames_gives_the_same_frames(
        frames in vec(vec(any::<u8>(), 0..50), 0..20),
        places in vec(any::<Index>(), 0..40),
    ) {
        let stream = stream_of(&frames);
        prop_assert_eq!(decode(&cut(&stream, &places)), Ok(frames));
    }
    // ANCHOR_END: any-split

    #[test]
    fn a_byte_at_a_time_gives_the_same_frames(frames in vec(vec(any::<u8>(), 0..50), 0..20)) {
        let stream = stream_of(&frames);
        let pieces: Vec<&[u8]> = stream.chunks(1).collect();
        prop_assert_eq!(decode(&pieces), Ok(frames));
    }

    #[test]
    fn any_bytes_end_in_frames_or_in_an_error(
        stream in vec(prop_oneof![3 => Just(0), 1 => any::<u8>()], 0..500),
        places in vec(any::<Index>(), 0..20),
    ) {
        // Whatever it is, all at once and in pieces it is the same.
        prop_assert_eq!(decode(&cut(&stream, &places)), decode(&[&stream]));
    }

    #[test]
    fn a_stream_that_ends_between_two_frames_is_whole_and_no_other(
        frames in vec(vec(any::<u8>(), 0..50), 1..10),
        end in any::<Index>(),
    ) {
        let stream = stream_of(&frames);
        let end = end.index(stream.len() + 1);
        let borders = frames.iter().scan(0, |sum, frame| { *sum += 4 + frame.len(); Some(*sum) });
        let whole = end == 0 || borders.collect::<Vec<_>>().contains(&end);
        prop_assert_eq!(decode(&[&stream[..end]]).is_ok(), whole);
    }
}

#[test]
fn a_length_too_large_is_an_error_before_anything_behind_it_has_come() {
    let mut decoder = Decoder::default();
    decoder.push(&(MOST as u32 + 1).to_be_bytes());
    assert_eq!(decoder.next_frame(), Err(FrameError::TooLong(MOST + 1)));
    // No byte makes it good again.
    decoder.push(&[0; 100]);
    assert_eq!(decoder.next_frame(), Err(FrameError::TooLong(MOST + 1)));
}

#[test]
fn the_longest_frame_there_may_be_comes_and_goes() {
    let longest = vec![7; MOST];
    let stream = encode(&longest).unwrap();
    assert_eq!(decode(&[&stream[..5], &stream[5..]]), Ok(vec![longest]));
    assert_eq!(encode(&vec![7; MOST + 1]), Err(FrameError::TooLong(MOST + 1)));
}

#[test]
fn the_end_of_the_stream_says_how_many_bytes_are_missing() {
    assert_eq!(decode(&[b"\0\0"]), Err(FrameError::CutLength { missing: 2 }));
    let cut = FrameError::CutFrame { missing: 6, length: 11 };
    assert_eq!(decode(&[b"\0\0\0\x0bHi, f"]), Err(cut));
    let message = "the stream ended inside a frame: 6 of 11 bytes are missing";
    assert_eq!(cut.to_string(), message);
}

#[test]
fn an_empty_frame_is_a_frame_and_not_the_end() {
    assert_eq!(decode(&[b"\0\0\0\0"]), Ok(vec![vec![]]));
}
