//! The INI profile of the vendor's SDKs: `~/.huaweicloud/credentials`, section `[basic]`.

use std::path::{Path, PathBuf};

use ini::{Ini, ParseOption};
use reqwest::Url;

use super::{Presence, absence, project_id, variable};
use crate::auth::credential::{Credential, KeyPair};
use crate::auth::error::{AuthError, ProfileFault};
use crate::auth::found::{Found, Source};
use crate::environment::Environment;
use crate::secret::{Secret, read_private_file};

const FILE_VARIABLE: &str = "HUAWEICLOUD_SDK_CREDENTIALS_FILE";

pub(in crate::auth) fn look(environment: &dyn Environment) -> Result<Presence, AuthError> {
    let path = match variable(environment, FILE_VARIABLE) {
        // A file that someone names is meant to be there.
        Some(path) => PathBuf::from(path),
        None => {
            let Some(home) = environment.home() else {
                return Ok(Presence::Absent("there is no home directory".into()));
            };
            let path = home.join(".huaweicloud/credentials");
            if let Some(why) = absence(&path) {
                return Ok(Presence::Absent(why));
            }
            path
        }
    };
    let text = read_private_file(&path)?;
    let profile = parse(&text).map_err(|why| AuthError::Profile {
        path: path.clone(),
        why,
    })?;
    Ok(profile.found(&path)?.into())
}

/// What section `[basic]` holds.
struct Profile {
    pair: KeyPair,
    project_id: Option<String>,
    iam_endpoint: Option<Url>,
}

impl Profile {
    fn found(self, path: &Path) -> Result<Found, AuthError> {
        let of = || format!("project_id of {}", path.display());
        Ok(Found {
            project_id: self
                .project_id
                .map(|text| project_id(&text, of))
                .transpose()?,
            iam_endpoint: self.iam_endpoint,
            ..Found::new(
                Credential::KeyPair(self.pair),
                Source::Profile(path.to_owned()),
            )
        })
    }
}

fn parse(text: &str) -> Result<Profile, ProfileFault> {
    // The parser would take a line without separator for the start of the next line's key.
    if let Some(line) = malformed_line(text) {
        return Err(ProfileFault::Line(line));
    }
    let options = ParseOption {
        // Secrets hold any character, and Python's parser, which the SDKs use, has neither.
        enabled_quote: false,
        enabled_escape: false,
        ..ParseOption::default()
    };
    let ini = Ini::load_from_str_opt(text, options).map_err(|at| ProfileFault::Line(at.line))?;
    let section = ini.section(Some("basic")).ok_or(ProfileFault::NoSection)?;
    let value = |key: &str| {
        let (_, value) = section.iter().find(|(k, _)| k.eq_ignore_ascii_case(key))?;
        Some(value.trim()).filter(|value| !value.is_empty())
    };
    let needed = |key: &'static str| value(key).ok_or(ProfileFault::NoKey(key));
    Ok(Profile {
        pair: KeyPair {
            access_key: needed("ak")?.to_owned(),
            secret_key: needed("sk")?.into(),
            security_token: value("security_token").map(Secret::from),
        },
        project_id: value("project_id").map(str::to_owned),
        iam_endpoint: value("iam_endpoint").map(endpoint).transpose()?,
    })
}

/// The first line, counted from 1, that is no line of an INI file.
fn malformed_line(text: &str) -> Option<usize> {
    let is_well_formed = |line: &str| {
        let line = line.trim();
        line.is_empty()
            || line.starts_with(['#', ';'])
            || (line.starts_with('[') && line.ends_with(']'))
            || line.find(['=', ':']).is_some_and(|at| at > 0)
    };
    let at = text.lines().position(|line| !is_well_formed(line))?;
    Some(at + 1)
}

fn endpoint(text: &str) -> Result<Url, ProfileFault> {
    let url = Url::parse(text).map_err(|_| ProfileFault::IamEndpoint)?;
    if matches!(url.scheme(), "http" | "https") {
        Ok(url)
    } else {
        Err(ProfileFault::IamEndpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::testing::{Folder, key_pair, present, variables};

    fn home(folder: &Folder) -> impl Environment + use<> {
        variables(&[("HOME", folder.path().to_str().unwrap())])
    }

    #[test]
    fn section_basic_holds_everything() {
        let folder = Folder::new();
        let path = folder.private(
            ".huaweicloud/credentials",
            "\u{FEFF}# mine\n[global]\nak = other\nsk = other\n\n[basic]\nak = AKOFPROFILE\nSK: a\"b'c\\d#e;f=g\n\
             security_token = t0ken\nproject_id = project\niam_endpoint = https://iam.example.com\n",
        );
        let found = present(look(&home(&folder)));
        assert_eq!(
            key_pair(&found),
            ("AKOFPROFILE", "a\"b'c\\d#e;f=g", Some("t0ken".to_owned()))
        );
        assert_eq!(found.source, Source::Profile(path));
        assert_eq!(found.project_id.unwrap().as_str(), "project");
        assert_eq!(
            found.iam_endpoint.unwrap().as_str(),
            "https://iam.example.com/"
        );
    }

    #[test]
    fn without_the_file_or_a_home_there_is_no_profile() {
        let folder = Folder::new();
        for environment in [variables(&[]), variables(&[("HOME", "/nowhere")])] {
            assert!(matches!(look(&environment), Ok(Presence::Absent(_))));
        }
        assert!(matches!(look(&home(&folder)), Ok(Presence::Absent(_))));
    }

    #[test]
    fn a_file_that_the_variable_names_must_be_there() {
        let folder = Folder::new();
        let path = folder.private("elsewhere", "[basic]\nak=AK\nsk=SK\n");
        let found = present(look(&variables(&[(FILE_VARIABLE, path.to_str().unwrap())])));
        assert_eq!(found.source, Source::Profile(path));

        let error = look(&variables(&[(FILE_VARIABLE, "/nowhere/credentials")])).unwrap_err();
        assert!(
            error.to_string().contains("/nowhere/credentials"),
            "{error}"
        );
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let folder = Folder::new();
        folder.open(".huaweicloud/credentials", "[basic]\nak=AK\nsk=SK\n");
        let error = look(&home(&folder)).unwrap_err();
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }

    #[test]
    fn a_malformed_file_is_refused_by_line_without_quoting_it() {
        for (text, line) in [
            ("[basic]\ns3cret\nak = AK\nsk = SK\n", 2),
            ("[basic\nak = s3cret\n", 1),
            ("[basic]\nak = AK\n = s3cret\n", 3),
            ("[basic]\nak = AK\nsk = SK\ns3cret", 4),
        ] {
            let folder = Folder::new();
            let path = folder.private(".huaweicloud/credentials", text);
            let error = look(&home(&folder)).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("{}: line {line} ", path.display())),
                "{error}"
            );
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for (text, why) in [
            ("[global]\nak = AK\n", ProfileFault::NoSection),
            ("ak = AK\nsk = SK\n", ProfileFault::NoSection),
            ("[basic]\nsk = SK\n", ProfileFault::NoKey("ak")),
            ("[basic]\nak = AK\nsk =\n", ProfileFault::NoKey("sk")),
            (
                "[basic]\nak=AK\nsk=SK\niam_endpoint=iam\n",
                ProfileFault::IamEndpoint,
            ),
        ] {
            assert_eq!(parse(text).err(), Some(why), "{text:?}");
        }
    }
}
