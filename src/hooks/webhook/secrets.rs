//! The secrets that a webhook is signed with: one, or two while they are rotated.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::HeaderValue;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::super::Problem;
use crate::model::DeliveryId;
use crate::secret::{ExposeSecret, read_secret_file};

const PREFIX: &str = "whsec_";

/// How long a secret may be, in bytes.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// What webhooks are signed with. The secrets are zeroed when they are dropped.
pub struct Secrets(Vec<Zeroizing<Vec<u8>>>);

impl Secrets {
    /// Reads one secret from each of the files.
    ///
    /// # Errors
    /// When a file can't be read, is open to other users, or holds no secret of the convention.
    pub fn read(files: &[PathBuf]) -> Result<Self, Problem> {
        let secrets: Result<_, Problem> = files.iter().map(|path| read(path)).collect();
        secrets.map(Self)
    }

    /// The value of `webhook-signature`: a signature for each secret; none without secrets. The time
    /// is in seconds since 1970.
    #[must_use]
    pub fn sign(&self, id: DeliveryId, timestamp: u64, body: &str) -> Option<HeaderValue> {
        let signatures: Option<Vec<String>> = self
            .0
            .iter()
            .map(|secret| {
                let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
                mac.update(format!("{id}.{timestamp}.").as_bytes());
                mac.update(body.as_bytes());
                Some(format!(
                    "v1,{}",
                    STANDARD.encode(mac.finalize().into_bytes())
                ))
            })
            .collect();
        let signatures = signatures.filter(|signatures| !signatures.is_empty())?;
        HeaderValue::from_str(&signatures.join(" ")).ok()
    }
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let unusable = |why| Problem::NoSecret {
        path: path.to_owned(),
        why,
    };
    let text = read_secret_file(path)?;
    let encoded = text
        .expose_secret()
        .strip_prefix(PREFIX)
        .ok_or_else(|| unusable("it doesn't begin with whsec_"))?;
    let secret = STANDARD
        .decode(encoded)
        .map(Zeroizing::new)
        .map_err(|_| unusable("what follows whsec_ is no base64"))?;
    if !LENGTHS.contains(&secret.len()) {
        return Err(unusable("it is not of 24 to 64 bytes"));
    }
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn read_text(text: &str) -> Result<Secrets, Problem> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        Secrets::read(&[path])
    }

    #[test]
    fn a_secret_has_the_form_of_the_convention_or_is_refused_with_what_to_do() {
        for length in [24, 32, 64] {
            let text = format!("whsec_{}\n", STANDARD.encode(vec![7; length]));
            assert!(read_text(&text).is_ok(), "{length}");
        }
        let short = format!("whsec_{}", STANDARD.encode([7; 23]));
        let long = format!("whsec_{}", STANDARD.encode([7; 65]));
        let bare = STANDARD.encode([7; 32]);
        for text in ["s3cret", "whsec_", "whsec_s3cret!", &short, &long, &bare] {
            let message = read_text(text).err().unwrap().to_string();
            assert!(message.contains("openssl rand -base64 32"), "{message}");
            assert!(!message.contains("s3cret"), "{message}");
        }
    }

    #[test]
    fn nothing_is_signed_without_a_secret() {
        let id = "01936c2f-5e00-7000-8000-000000000000".parse().unwrap();
        assert_eq!(Secrets(Vec::new()).sign(id, 0, "{}"), None);
    }
}
