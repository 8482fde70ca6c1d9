//! Secrets: they print as nothing, are zeroed when dropped, and come from files that nobody else
//! can read.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

pub use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use crate::decode::without_bom;
use crate::sanitize::{ForeignText, system_words};
use crate::system_error::is_temporary;

/// A secret text. Its `Debug` shows nothing of it, and its memory is zeroed when it is dropped.
pub type Secret = secrecy::SecretString;

/// The largest secret file that is read, in bytes. IAM tokens have up to 32 KiB.
const MAX_BYTES: u64 = 64 * 1024;

/// Why a secret file was refused.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// It can't be opened or read.
    #[error("can't read {path}: {why}; check the path and its owner", path = ForeignText::path(path), why = system_words(source))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Its group or everybody may read or write it.
    #[error(
        "{path} holds a secret and is open to other users (mode {mode:04o}); close it with: chmod 600 {quoted}",
        path = ForeignText::path(path),
        quoted = quoted(path)
    )]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is no file of text, too large or, where it should hold a secret, not one line.
    #[error("{path} {why}", path = ForeignText::path(path))]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        why: &'static str,
    },
}

impl SecretFileError {
    /// Whether the same file may be read later, without a change to it.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unreadable { source, .. } if is_temporary(source))
    }
}

/// Whether the file is closed to other users. Mode 0440 of root and its group counts as closed: so
/// look the credentials that systemd gives to a service. They are 0400 with an access control list
/// for the service's user, and such a list is shown as the group's rights.
fn is_private(mode: u32, owner: u32, group: u32) -> bool {
    mode & 0o077 == 0 || (mode == 0o440 && owner == 0 && group == 0)
}

/// The path as a shell takes it for one word.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+@%:,=".contains(c);
    if text.chars().all(is_plain) {
        text
    } else {
        format!("'{}'", ForeignText::from(text.replace('\'', r"'\''")))
    }
}

/// Reads a file that holds one secret and nothing else; white space around it is dropped.
///
/// # Errors
/// When the file can't be read, is open to other users, is empty, or is no text of up to 64 KiB.
pub fn read_secret_file(path: &Path) -> Result<Secret, SecretFileError> {
    let text = read_private_file(path)?;
    let secret = text.trim();
    let unusable = |why| SecretFileError::Unusable {
        path: path.to_owned(),
        why,
    };
    if secret.is_empty() {
        return Err(unusable("is empty; write the secret into it"));
    }
    if secret.contains(char::is_control) {
        return Err(unusable(
            "has more than one line or control characters; write the secret alone into it",
        ));
    }
    Ok(Secret::from(secret))
}

/// Reads a file that only its owner may read; its text is zeroed when dropped.
///
/// # Errors
/// When the file can't be read, is open to other users, or is no text of up to 64 KiB.
pub fn read_private_file(path: &Path) -> Result<Zeroizing<String>, SecretFileError> {
    let unreadable = |source| SecretFileError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let unusable = |why| SecretFileError::Unusable {
        path: path.to_owned(),
        why,
    };
    // The opened file is what is checked, so that it can't be swapped in between.
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    // A pipe, as `<(command)` makes it, is as good as a file. A device is neither a secret's place
    // nor to be closed to others.
    if !(metadata.is_file() || metadata.file_type().is_fifo()) {
        return Err(unusable("is no file; name a file"));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if !is_private(mode, metadata.uid(), metadata.gid()) {
        return Err(SecretFileError::OpenToOthers {
            path: path.to_owned(),
            mode,
        });
    }
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(
        usize::try_from(metadata.len().min(MAX_BYTES)).unwrap_or(0) + 1,
    ));
    match file.take(MAX_BYTES + 1).read_to_string(&mut text) {
        Ok(read) if read as u64 > MAX_BYTES => Err(unusable(
            "has more than 64 KiB; check that it is the right file",
        )),
        Ok(_) => {
            let mark = text.len() - without_bom(&text).len();
            drop(text.drain(..mark));
            Ok(text)
        }
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(unusable("is not UTF-8; save it as UTF-8 text"))
        }
        Err(error) => Err(unreadable(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn file(content: &[u8], mode: u32) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sk");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn neither_the_line_end_nor_a_byte_order_mark_is_part_of_the_secret() {
        for content in ["s3cret", "s3cret\n", "s3cret\r\n", "\u{FEFF}s3cret\n"] {
            let (_folder, path) = file(content.as_bytes(), 0o600);
            assert_eq!(read_secret_file(&path).unwrap().expose_secret(), "s3cret");
        }
    }

    #[test]
    fn a_file_that_others_may_read_is_refused_with_the_command_to_type() {
        for mode in [0o640, 0o604, 0o660, 0o644] {
            let (_folder, path) = file(b"s3cret", mode);
            let message = read_secret_file(&path).unwrap_err().to_string();
            assert!(
                message.contains(&format!("chmod 600 {}", path.display())),
                "{message}"
            );
            assert!(!message.contains("s3cret"), "{message}");
        }
    }

    #[test]
    fn a_credential_of_systemd_counts_as_closed() {
        for (mode, owner, group, expected) in [
            (0o440, 0, 0, true),
            (0o400, 0, 0, true),
            (0o400, 1000, 1000, true),
            (0o440, 1000, 1000, false),
            (0o440, 0, 1000, false),
            (0o440, 1000, 0, false),
            (0o640, 0, 0, false),
            (0o460, 0, 0, false),
            (0o444, 0, 0, false),
        ] {
            assert_eq!(is_private(mode, owner, group), expected, "{mode:o}");
        }
    }

    #[test]
    fn the_command_to_type_works_for_any_path() {
        for (path, expected) in [
            ("/home/me/sk", "/home/me/sk"),
            ("/home/my keys/sk", "'/home/my keys/sk'"),
            ("it's", r"'it'\''s'"),
        ] {
            assert_eq!(quoted(Path::new(path)), expected);
        }
    }

    #[test]
    fn an_unusable_file_is_refused_without_showing_its_content() {
        for content in [
            &b""[..],
            b" \n",
            b"two\nlines",
            b"\xff\xfe",
            &[b'x'; 65_537],
        ] {
            let (_folder, path) = file(content, 0o600);
            let error = read_secret_file(&path).unwrap_err();
            assert!(matches!(error, SecretFileError::Unusable { .. }), "{error}");
            assert!(!error.to_string().contains("two"), "{error}");
        }
    }

    #[test]
    fn a_device_is_refused_without_advice_to_close_it() {
        let message = read_secret_file(Path::new("/dev/null"))
            .unwrap_err()
            .to_string();
        assert_eq!(message, "/dev/null is no file; name a file");
    }

    #[test]
    fn a_secret_shows_nothing_when_printed() {
        assert!(!format!("{:?}", Secret::from("s3cret")).contains("s3cret"));
    }
}
