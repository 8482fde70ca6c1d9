//! `deflate`: the zlib format or, as some servers send it, the bare data.

use flate2::{Decompress, FlushDecompress, Status};

use super::{BodyError, Sink};

/// How much is decoded at once, in bytes.
const PIECE: usize = 16 * 1024;

/// Compressed data without anything around it, or in the zlib format.
pub(super) struct Inflate {
    data: Decompress,
    has_ended: bool,
}

impl Inflate {
    pub(super) fn new(is_zlib: bool) -> Self {
        Self {
            data: Decompress::new(is_zlib),
            has_ended: false,
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Decodes the input, and returns what follows the end of the data.
    pub(super) fn decode<'a>(
        &mut self,
        mut input: &'a [u8],
        sink: &mut Sink<'_>,
    ) -> Result<&'a [u8], BodyError> {
        let mut piece = [0; PIECE];
        while !self.has_ended {
            let before = (self.data.total_in(), self.data.total_out());
            let status = self
                .data
                .decompress(input, &mut piece, FlushDecompress::None)
                .map_err(|_| BodyError::Damaged)?;
            let taken = difference(self.data.total_in(), before.0);
            let given = difference(self.data.total_out(), before.1);
            input = input.get(taken..).unwrap_or_default();
            sink(piece.get(..given).unwrap_or_default())?;
            self.has_ended = status == Status::StreamEnd;
            let needs_more = taken == 0 && given == 0;
            if needs_more || (input.is_empty() && given < PIECE) {
                break;
            }
        }
        Ok(input)
    }
}

fn difference(after: u64, before: u64) -> usize {
    usize::try_from(after.saturating_sub(before)).unwrap_or(usize::MAX)
}

/// Decodes `deflate`.
pub(super) enum Deflate {
    /// The first bytes, which tell the format.
    Start(Vec<u8>),
    Data(Box<Inflate>),
}

impl Default for Deflate {
    fn default() -> Self {
        Self::Start(Vec::new())
    }
}

impl Deflate {
    pub(super) fn decode(&mut self, input: &[u8], sink: &mut Sink<'_>) -> Result<(), BodyError> {
        match self {
            Self::Start(start) => {
                start.extend_from_slice(input);
                let [first, second, ..] = start[..] else {
                    return Ok(());
                };
                let start = std::mem::take(start);
                *self = Self::Data(Box::new(Inflate::new(is_zlib(first, second))));
                self.decode(&start, sink)
            }
            // What follows the data is padding.
            Self::Data(data) => data.decode(input, sink).map(drop),
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        match self {
            Self::Start(start) => start.is_empty(),
            Self::Data(data) => data.has_ended(),
        }
    }
}

/// Whether these two bytes begin the zlib format: method 8, and a multiple of 31.
fn is_zlib(first: u8, second: u8) -> bool {
    first & 0x0F == 8 && u16::from_be_bytes([first, second]).is_multiple_of(31)
}
