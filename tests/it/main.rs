//! Integration tests: the library and the binary from outside, over real sockets.
#![expect(
    clippy::unwrap_used,
    reason = "what fails in a helper of a test fails the test"
)]

mod floors;
