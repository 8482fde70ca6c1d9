//! Files given as options: an access key, or an IAM token.

use std::path::PathBuf;

use super::Presence;
use crate::auth::credential::{Credential, KeyPair};
use crate::auth::error::AuthError;
use crate::auth::found::{Found, Source};
use crate::secret::{ExposeSecret, read_secret_file};

/// The options of the command line that name files with credentials.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Given {
    /// `--ak-file`
    pub ak_file: Option<PathBuf>,
    /// `--sk-file`
    pub sk_file: Option<PathBuf>,
    /// `--security-token-file`
    pub security_token_file: Option<PathBuf>,
    /// `--auth-token-file`
    pub auth_token_file: Option<PathBuf>,
}

pub(in crate::auth) fn look(given: &Given) -> Result<Presence, AuthError> {
    let keys = (&given.ak_file, &given.sk_file, &given.security_token_file);
    let credential = match (keys, &given.auth_token_file) {
        ((None, None, None), None) => {
            return Ok(Presence::Absent(
                "neither --ak-file and --sk-file nor --auth-token-file".into(),
            ));
        }
        ((None, None, None), Some(token)) => Credential::Token(read_secret_file(token)?),
        (_, Some(_)) => return Err(AuthError::TwoKinds),
        ((Some(access_key), Some(secret_key), token), None) => Credential::KeyPair(KeyPair {
            access_key: read_secret_file(access_key)?.expose_secret().to_owned(),
            secret_key: read_secret_file(secret_key)?,
            security_token: token.as_deref().map(read_secret_file).transpose()?,
        }),
        ((ak_file, sk_file, _), None) => {
            return Err(AuthError::MissingOption {
                missing: match (ak_file, sk_file) {
                    (None, None) => "--ak-file with --sk-file",
                    (None, _) => "--ak-file",
                    _ => "--sk-file",
                },
            });
        }
    };
    Ok(Found::new(credential, Source::Files).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::testing::{Folder, key_pair, present};

    #[test]
    fn an_access_key_comes_from_its_files() {
        let folder = Folder::new();
        let given = Given {
            ak_file: Some(folder.private("ak", "AKOFFILES\n")),
            sk_file: Some(folder.private("sk", "s3cret\n")),
            security_token_file: Some(folder.private("token", "t0ken\n")),
            auth_token_file: None,
        };
        let found = present(look(&given));
        assert_eq!(found.source, Source::Files);
        assert_eq!(
            key_pair(&found),
            ("AKOFFILES", "s3cret", Some("t0ken".to_owned()))
        );
    }

    #[test]
    fn an_iam_token_comes_from_its_file() {
        let folder = Folder::new();
        let given = Given {
            auth_token_file: Some(folder.private("token", "t0ken\n")),
            ..Given::default()
        };
        match present(look(&given)).credential {
            Credential::Token(token) => assert_eq!(token.expose_secret(), "t0ken"),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn half_of_it_is_an_error_that_names_the_missing_option() {
        let file = || Some(PathBuf::from("/nowhere"));
        for (ak_file, sk_file, security_token_file, missing) in [
            (file(), None, None, "--sk-file is missing"),
            (None, file(), None, "--ak-file is missing"),
            (file(), None, file(), "--sk-file is missing"),
            (None, None, file(), "--ak-file with --sk-file is missing"),
        ] {
            let given = Given {
                ak_file,
                sk_file,
                security_token_file,
                auth_token_file: None,
            };
            let message = look(&given).unwrap_err().to_string();
            assert!(message.contains(missing), "{message}");
        }
    }

    #[test]
    fn both_kinds_at_once_are_an_error() {
        let given = Given {
            sk_file: Some(PathBuf::from("/nowhere")),
            auth_token_file: Some(PathBuf::from("/nowhere")),
            ..Given::default()
        };
        assert!(matches!(look(&given), Err(AuthError::TwoKinds)));
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let folder = Folder::new();
        let given = Given {
            ak_file: Some(folder.private("ak", "AK")),
            sk_file: Some(folder.open("sk", "s3cret")),
            ..Given::default()
        };
        let message = look(&given).unwrap_err().to_string();
        assert!(
            message.contains("chmod 600") && !message.contains("s3cret"),
            "{message}"
        );
    }
}
