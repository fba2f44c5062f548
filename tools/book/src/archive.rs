//! Archives in the form that opens everywhere: ZIP, as kits and e-books are packed.
//!
//! The files come in the order in which they are added, with the same date always, so that the same content gives the same
//! archive to the byte. Compression and checksums are `flate2`'s and `crc32fast`'s; what is here is the container: PKWARE's
//! APPNOTE.TXT, sections 4.3.7 (a file's head), 4.3.12 (the directory) and 4.3.16 (its end). An archive of 4 GiB or of 65,536
//! files would need more; both are refused.

use flate2::{Compression, write::DeflateEncoder};
use std::io::{self, Write};

/// Version 2.0: folders and deflate.
const VERSION: u16 = 20;
/// Names are in UTF-8.
const UTF8: u16 = 1 << 11;
/// The first day the format knows, 1 January 1980.
const DAY: u16 = (1 << 5) | 1;
/// Made on Unix, so that [`MODE`] counts.
const UNIX: u16 = 3 << 8;
/// A regular file that everybody may read.
const MODE: u32 = 0o100_644 << 16;

/// An archive in the making.
#[derive(Debug, Default)]
pub struct Archive {
    bytes: Vec<u8>,
    directory: Vec<u8>,
    files: usize,
}

impl Archive {
    /// Adds a file, compressed. Its path has forward slashes.
    ///
    /// # Errors
    /// A path or a file that is too long for the format.
    pub fn add(&mut self, path: &str, content: &[u8]) -> io::Result<()> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content)?;
        let packed = encoder.finish()?;
        match packed.len() < content.len() {
            true => self.put(path, content, &packed, 8),
            false => self.store(path, content),
        }
    }

    /// Adds a file as it is.
    ///
    /// # Errors
    /// A path or a file that is too long for the format.
    pub fn store(&mut self, path: &str, content: &[u8]) -> io::Result<()> {
        self.put(path, content, content, 0)
    }

    fn put(&mut self, path: &str, content: &[u8], packed: &[u8], method: u16) -> io::Result<()> {
        let name = u16::try_from(path.len()).map_err(|_| too_large(path))?;
        let [size, packed_size, offset] = [content.len(), packed.len(), self.bytes.len()]
            .map(|length| u32::try_from(length).map_err(|_| too_large(path)));
        let (size, packed_size, offset) = (size?, packed_size?, offset?);
        // The part that a file's head and its line of the directory share.
        let mut shared = Vec::new();
        for number in [VERSION, UTF8, method, 0, DAY] {
            shared.extend(number.to_le_bytes());
        }
        for number in [crc32fast::hash(content), packed_size, size] {
            shared.extend(number.to_le_bytes());
        }
        shared.extend(name.to_le_bytes());
        shared.extend(0_u16.to_le_bytes());

        self.bytes.extend(b"PK\x03\x04");
        self.bytes.extend(&shared);
        self.bytes.extend(path.as_bytes());
        self.bytes.extend(packed);

        self.directory.extend(b"PK\x01\x02");
        self.directory.extend((UNIX | VERSION).to_le_bytes());
        self.directory.extend(shared);
        // No comment, the first disk, no attributes of DOS.
        self.directory.extend([0; 6]);
        self.directory.extend(MODE.to_le_bytes());
        self.directory.extend(offset.to_le_bytes());
        self.directory.extend(path.as_bytes());
        self.files += 1;
        Ok(())
    }

    /// The whole archive.
    ///
    /// # Errors
    /// It is too large for the format.
    pub fn finish(mut self) -> io::Result<Vec<u8>> {
        let files = u16::try_from(self.files).map_err(|_| too_large("the archive"))?;
        let [offset, size] = [self.bytes.len(), self.directory.len()]
            .map(|length| u32::try_from(length).map_err(|_| too_large("the archive")));
        let (offset, size) = (offset?, size?);
        self.bytes.append(&mut self.directory);
        self.bytes.extend(b"PK\x05\x06");
        for number in [0, 0, files, files] {
            self.bytes.extend(u16::to_le_bytes(number));
        }
        self.bytes.extend(size.to_le_bytes());
        self.bytes.extend(offset.to_le_bytes());
        self.bytes.extend(0_u16.to_le_bytes());
        Ok(self.bytes)
    }
}

fn too_large(what: &str) -> io::Error {
    io::Error::other(format!("{what} is too large for a ZIP archive"))
}

/// Reads an archive that this module wrote: each file's path, whether it is compressed, and its content, in order.
///
/// # Errors
/// It is none, or does not hold what its directory says.
pub fn read(archive: &[u8]) -> io::Result<Vec<(String, bool, Vec<u8>)>> {
    let torn = || io::Error::other("the archive is torn");
    let number = |at: usize, bytes: usize| -> io::Result<usize> {
        let digits = archive.get(at..at + bytes).ok_or_else(torn)?;
        Ok(digits
            .iter()
            .rev()
            .fold(0, |sum, byte| (sum << 8) | usize::from(*byte)))
    };
    let end = archive.len().checked_sub(22).ok_or_else(torn)?;
    let (files, mut at) = (number(end + 10, 2)?, number(end + 16, 4)?);
    let mut found = Vec::new();
    for _ in 0..files {
        let [method, packed, name] = [number(at + 10, 2)?, number(at + 20, 4)?, number(at + 28, 2)?];
        let [sum, size, head] = [number(at + 16, 4)?, number(at + 24, 4)?, number(at + 42, 4)?];
        let path = archive.get(at + 46..at + 46 + name).ok_or_else(torn)?;
        let path = String::from_utf8(path.to_vec()).map_err(io::Error::other)?;
        let begin = head + 30 + number(head + 26, 2)? + number(head + 28, 2)?;
        let packed = archive.get(begin..begin + packed).ok_or_else(torn)?;
        let content = match method {
            0 => packed.to_vec(),
            _ => {
                let mut content = Vec::new();
                io::copy(&mut flate2::read::DeflateDecoder::new(packed), &mut content)?;
                content
            }
        };
        if content.len() != size || usize::try_from(crc32fast::hash(&content)).ok() != Some(sum) {
            return Err(torn());
        }
        found.push((path, method != 0, content));
        at += 46 + name;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked_in_the_same_order() {
        let long = b"again ".repeat(500);
        let mut archive = Archive::default();
        archive.store("mimetype", b"application/epub+zip").unwrap();
        archive.add("a/long.txt", &long).unwrap();
        archive.add("b/é.txt", b"x").unwrap();
        let bytes = archive.finish().unwrap();
        // Where a reader looks for what kind of file this is: behind a head of 30 bytes and the name.
        assert_eq!(&bytes[30..58], b"mimetypeapplication/epub+zip");
        assert!(bytes.len() < 600);
        let files = read(&bytes).unwrap();
        let told: Vec<(&str, bool, &[u8])> = files
            .iter()
            .map(|(path, packed, content)| (path.as_str(), *packed, content.as_slice()))
            .collect();
        assert_eq!(
            told,
            [
                ("mimetype", false, b"application/epub+zip".as_slice()),
                ("a/long.txt", true, &long),
                ("b/é.txt", false, b"x")
            ]
        );
    }

    #[test]
    fn a_byte_that_changed_is_noticed() {
        let mut archive = Archive::default();
        archive.store("a", b"abc").unwrap();
        let mut bytes = archive.finish().unwrap();
        bytes[31] ^= 1;
        assert!(read(&bytes).is_err());
    }
}
