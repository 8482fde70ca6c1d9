//! `gzip`: RFC 1952.

use flate2::Crc;

use super::deflate::Inflate;
use super::{BodyError, Sink};

/// What each member begins with.
pub(super) const MAGIC: [u8; 2] = [0x1F, 0x8B];

/// The longest header of a member that is read, in bytes.
const MAX_HEADER: usize = 64 * 1024;

/// The flags of a header, by which it has more parts.
const HEADER_CRC: u8 = 2;
const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;

/// Decodes `gzip`.
pub(super) enum Gzip {
    Header {
        read: Vec<u8>,
        is_first: bool,
    },
    Data(Box<(Inflate, Crc)>),
    /// Checksum and length.
    Trailer {
        read: Vec<u8>,
        expected: [u8; 8],
    },
    /// It is no gzip: a proxy has decoded it, and left the header of the answer.
    Plain,
    /// Padding after the last member.
    Padding,
}

impl Default for Gzip {
    fn default() -> Self {
        Self::Header {
            read: Vec::new(),
            is_first: true,
        }
    }
}

impl Gzip {
    pub(super) fn decode(
        &mut self,
        mut input: &[u8],
        sink: &mut Sink<'_>,
    ) -> Result<(), BodyError> {
        while !input.is_empty() {
            match self {
                Self::Header { read, is_first } => {
                    read.extend_from_slice(input);
                    match header_length(read) {
                        Header::Unfinished if read.len() > MAX_HEADER => {
                            return Err(BodyError::Damaged);
                        }
                        Header::Unfinished => return Ok(()),
                        Header::Length(length) => {
                            let data = read.split_off(length);
                            *self = Self::Data(Box::new((Inflate::new(false), Crc::new())));
                            return self.decode(&data, sink);
                        }
                        Header::Foreign if *is_first => {
                            let plain = std::mem::take(read);
                            *self = Self::Plain;
                            return sink(&plain);
                        }
                        Header::Foreign => *self = Self::Padding,
                    }
                }
                Self::Data(state) => {
                    let (data, crc) = &mut **state;
                    input = data.decode(input, &mut |piece| {
                        crc.update(piece);
                        sink(piece)
                    })?;
                    if data.has_ended() {
                        let [a, b, c, d] = crc.sum().to_le_bytes();
                        let [e, f, g, h] = crc.amount().to_le_bytes();
                        *self = Self::Trailer {
                            read: Vec::new(),
                            expected: [a, b, c, d, e, f, g, h],
                        };
                    }
                }
                Self::Trailer { read, expected } => {
                    let missing = expected.len().saturating_sub(read.len()).min(input.len());
                    let (more, rest) = input.split_at_checked(missing).unwrap_or((input, &[]));
                    read.extend_from_slice(more);
                    input = rest;
                    if read.len() == expected.len() {
                        if **read != *expected {
                            return Err(BodyError::Damaged);
                        }
                        *self = Self::Header {
                            read: Vec::new(),
                            is_first: false,
                        };
                    }
                }
                Self::Plain => return sink(input),
                Self::Padding => return Ok(()),
            }
        }
        Ok(())
    }

    pub(super) fn is_complete(&self) -> bool {
        match self {
            Self::Header { read, is_first } => !is_first || read.is_empty(),
            Self::Data(_) | Self::Trailer { .. } => false,
            Self::Plain | Self::Padding => true,
        }
    }
}

enum Header {
    Length(usize),
    Unfinished,
    /// It is none.
    Foreign,
}

fn header_length(bytes: &[u8]) -> Header {
    let begins = bytes.iter().zip(MAGIC).all(|(byte, magic)| *byte == magic);
    // Compression method 8 is the only one.
    if !begins || bytes.get(2).is_some_and(|method| *method != 8) {
        return Header::Foreign;
    }
    length(bytes).map_or(Header::Unfinished, Header::Length)
}

fn length(bytes: &[u8]) -> Option<usize> {
    let flags = *bytes.get(3)?;
    let mut rest = bytes.get(10..)?;
    if flags & EXTRA != 0 {
        let (size, after) = rest.split_first_chunk()?;
        rest = after.get(usize::from(u16::from_le_bytes(*size))..)?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|byte| *byte == 0)?;
            rest = rest.get(end.saturating_add(1)..)?;
        }
    }
    if flags & HEADER_CRC != 0 {
        rest = rest.get(2..)?;
    }
    Some(bytes.len().saturating_sub(rest.len()))
}
