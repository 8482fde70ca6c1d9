use std::io::Write;

use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use flate2::{Compression, GzBuilder};
use reqwest::header::HeaderValue;

use super::*;

const TEXT: &[u8] = br#"{"job_id":"job","status":"SUCCESS"}"#;
const LIMIT: usize = 1024 * 1024;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn headers(encodings: &[&str]) -> HeaderMap {
    let values = encodings
        .iter()
        .map(|text| HeaderValue::from_str(text).unwrap());
    values.map(|value| (CONTENT_ENCODING, value)).collect()
}

/// Receives the bytes in pieces of this size.
fn receive(encodings: &[&str], bytes: &[u8], size: usize) -> Result<Vec<u8>, BodyError> {
    let headers = headers(encodings);
    let mut body = Body::new(&headers, LIMIT);
    for piece in bytes.chunks(size) {
        body.push(piece)?;
    }
    Ok(body.finish(200, headers)?.body)
}

#[test]
fn what_was_compressed_is_decoded_however_it_is_cut() {
    let named = {
        let builder = GzBuilder::new().filename("a").comment("b").extra(*b"cd");
        let mut encoder = builder.write(Vec::new(), Compression::fast());
        encoder.write_all(TEXT).unwrap();
        encoder.finish().unwrap()
    };
    let (half, other) = TEXT.split_at(10);
    let members = [gzip(half), gzip(other)].concat();
    let padded = [&gzip(TEXT)[..], &[0; 100]].concat();
    for (encodings, bytes) in [
        (&["gzip"][..], gzip(TEXT)),
        (&["X-GZIP"], gzip(TEXT)),
        (&["gzip"], named),
        (&["gzip"], members),
        (&["gzip"], padded),
        (&[], gzip(TEXT)),
        (&["deflate"], zlib(TEXT)),
        (&["deflate"], deflate(TEXT)),
        (&["gzip, gzip"], gzip(&gzip(TEXT))),
        (&["deflate", "gzip"], gzip(&zlib(TEXT))),
        (&["identity, gzip"], gzip(TEXT)),
        (&["identity"], TEXT.to_vec()),
        (&[""], TEXT.to_vec()),
        (&["gzip"], TEXT.to_vec()),
    ] {
        for size in [1, 2, 7, 10_000] {
            let body = receive(encodings, &bytes, size);
            assert_eq!(body.as_deref(), Ok(TEXT), "{encodings:?}, pieces of {size}");
        }
    }
}

#[test]
fn an_empty_body_is_empty_in_any_coding() {
    for encoding in ["gzip", "deflate", "identity"] {
        assert_eq!(receive(&[encoding], b"", 1), Ok(Vec::new()), "{encoding}");
    }
}

#[test]
fn what_is_cut_short_or_damaged_is_no_body() {
    for (encoding, whole) in [
        ("gzip", gzip(TEXT)),
        ("deflate", zlib(TEXT)),
        ("deflate", deflate(TEXT)),
        ("gzip, gzip", gzip(&gzip(TEXT))),
    ] {
        for length in 1..whole.len() {
            let body = receive(&[encoding], &whole[..length], 5);
            assert_eq!(body, Err(BodyError::CutShort), "{encoding}, {length}");
        }
    }
    for at in 1..=8 {
        let mut bytes = gzip(TEXT);
        let end = bytes.len() - at;
        bytes[end] ^= 1;
        assert_eq!(receive(&["gzip"], &bytes, 5), Err(BodyError::Damaged));
    }
}

#[test]
fn a_bomb_is_refused_before_it_has_come() {
    let zeros = vec![0; 64 * LIMIT];
    for (encoding, bytes) in [
        ("gzip", gzip(&zeros)),
        ("deflate", zlib(&zeros)),
        ("gzip, gzip", gzip(&gzip(&zeros))),
    ] {
        let headers = headers(&[encoding]);
        let mut body = Body::new(&headers, LIMIT);
        let mut pieces = bytes.chunks(16);
        let refused = pieces.find_map(|piece| body.push(piece).err());
        assert_eq!(refused, Some(BodyError::TooLarge(LIMIT)), "{encoding}");
        assert!(pieces.next().is_some(), "{encoding}");
    }
    let exact = gzip(&vec![b'x'; LIMIT]);
    assert_eq!(receive(&["gzip"], &exact, 1000).unwrap().len(), LIMIT);
    let more = gzip(&vec![b'x'; LIMIT + 1]);
    assert_eq!(
        receive(&["gzip"], &more, 1000),
        Err(BodyError::TooLarge(LIMIT))
    );
}

#[test]
fn another_coding_is_named() {
    for (encodings, name) in [
        (&["br"][..], "br"),
        (&["ZSTD"], "zstd"),
        (&["gzip, br"], "br"),
        (&["compress", "gzip"], "compress"),
        (
            &["gzip,gzip,gzip,gzip,gzip"],
            "gzip, gzip, gzip, gzip, gzip",
        ),
    ] {
        let error = receive(encodings, TEXT, 10).unwrap_err();
        assert_eq!(
            error,
            BodyError::Unsupported(name.to_owned()),
            "{encodings:?}"
        );
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn the_status_of_an_error_counts_more_than_a_body_that_can_not_be_decoded() {
    let headers = headers(&["br"]);
    let mut body = Body::new(&headers, LIMIT);
    body.push(b"\x1b\x05\xf8").unwrap();
    let reply = body.finish(401, headers).unwrap();
    assert_eq!((reply.status, &reply.body[..]), (401, &b""[..]));
    assert_eq!(reply.header("content-encoding"), Some("br"));
}
