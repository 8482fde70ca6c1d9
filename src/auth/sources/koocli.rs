//! The current profile of KooCLI, the vendor's command line: `~/.hcloud/config.json`.

use serde::Deserialize;
use serde_json::Value;

use super::{Presence, absence, project_id};
use crate::auth::credential::{Credential, KeyPair};
use crate::auth::error::{AuthError, ProfileFault};
use crate::auth::found::{Found, Source};
use crate::environment::Environment;
use crate::sanitize::ForeignText;
use crate::secret::{Secret, read_private_file};

/// What KooCLI writes; of the switches, even those that are true or false are strings.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    current: Option<String>,
    #[serde(default)]
    auth_encrypt: Value,
    profiles: Option<Vec<Profile>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    name: Option<String>,
    mode: Option<String>,
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    security_token: Option<String>,
    region: Option<String>,
    project_id: Option<String>,
}

/// What the current profile comes to.
enum Current {
    Keys(Box<Profile>),
    Nothing(ForeignText),
}

pub(in crate::auth) fn look(environment: &dyn Environment) -> Result<Presence, AuthError> {
    let Some(home) = environment.home() else {
        return Ok(Presence::Absent("there is no home directory".into()));
    };
    let path = home.join(".hcloud/config.json");
    if let Some(why) = absence(&path) {
        return Ok(Presence::Absent(why));
    }
    let text = read_private_file(&path)?;
    let broken = |why| AuthError::Profile {
        path: path.clone(),
        why,
    };
    let profile = match current(&text).map_err(broken)? {
        Current::Keys(profile) => profile,
        Current::Nothing(why) => return Ok(Presence::Absent(why)),
    };
    let name = ForeignText::from(filled(profile.name).unwrap_or_default());
    let missing = |key| {
        broken(ProfileFault::NoMember {
            profile: name.clone(),
            key,
        })
    };
    let credential = Credential::KeyPair(KeyPair {
        access_key: filled(profile.access_key_id).ok_or_else(|| missing("accessKeyId"))?,
        secret_key: filled(profile.secret_access_key)
            .ok_or_else(|| missing("secretAccessKey"))?
            .into(),
        security_token: filled(profile.security_token).map(Secret::from),
    });
    let of = || format!("projectId of profile {name:?} in {}", path.display());
    let found = Found {
        project_id: filled(profile.project_id)
            .map(|text| project_id(&text, of))
            .transpose()?,
        region: filled(profile.region).map(ForeignText::from),
        ..Found::new(
            credential,
            Source::KooCli {
                path: path.clone(),
                profile: name.clone(),
            },
        )
    };
    Ok(found.into())
}

fn current(text: &str) -> Result<Current, ProfileFault> {
    // The parser's own words may quote a secret.
    let config: Config = serde_json::from_str(text).map_err(|error| ProfileFault::Json {
        line: error.line(),
        column: error.column(),
    })?;
    let profiles = config.profiles.unwrap_or_default();
    if profiles.is_empty() {
        return Ok(Current::Nothing("KooCLI has no profile".into()));
    }
    let name = filled(config.current).unwrap_or_else(|| "default".to_owned());
    let known = profiles
        .iter()
        .filter_map(|profile| profile.name.as_deref().map(ForeignText::from));
    let known: Vec<ForeignText> = known.collect();
    let Some(profile) = profiles
        .into_iter()
        .find(|profile| profile.name.as_ref() == Some(&name))
    else {
        return Err(ProfileFault::NoProfile {
            name: name.into(),
            known,
        });
    };
    match profile.mode.as_deref() {
        None | Some("" | "AKSK") => {}
        // Its keys are those of the metadata service, which is asked next.
        Some("ecsAgency") => {
            return Ok(Current::Nothing(
                format!("profile {name:?} of KooCLI uses the agency of this server").into(),
            ));
        }
        Some(mode) => {
            return Err(ProfileFault::Mode {
                mode: mode.into(),
                profile: name.into(),
            });
        }
    }
    if is_encrypted(&config.auth_encrypt, profile.access_key_id.as_deref()) {
        return Err(ProfileFault::Encrypted(name.into()));
    }
    Ok(Current::Keys(Box::new(profile)))
}

/// Whether the keys are encrypted. Where the switch is missing, KooCLI encrypts in some versions
/// and not in others; then an access key that doesn't look like one tells.
fn is_encrypted(switch: &Value, access_key: Option<&str>) -> bool {
    match switch {
        Value::Bool(on) => *on,
        Value::String(on) if on == "true" => true,
        Value::String(on) if on == "false" => false,
        _ => access_key.is_some_and(|text| !text.is_empty() && !looks_like_access_key(text)),
    }
}

fn looks_like_access_key(text: &str) -> bool {
    (16..=40).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// KooCLI writes an empty text for what isn't set.
fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::testing::{Folder, key_pair, present, variables};

    fn look_at(text: &str) -> Result<Presence, AuthError> {
        let folder = Folder::new();
        folder.private(".hcloud/config.json", text);
        look(&variables(&[("HOME", folder.path().to_str().unwrap())]))
    }

    fn fault(text: &str) -> (ProfileFault, String) {
        let error = look_at(text).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("config.json"), "{message}");
        assert!(!message.contains("s3cret"), "{message}");
        match error {
            AuthError::Profile { why, .. } => (why, message),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn the_current_profile_is_used() {
        let found = present(look_at(concat!(
            "\u{FEFF}",
            r#"{"authEncrypt": "false", "language": "en", "current": "mine", "profiles": [
                {"name": "default", "mode": "AKSK", "accessKeyId": "OTHER", "secretAccessKey": "other"},
                {"name": "mine", "mode": "AKSK", "accessKeyId": "AKOFKOOCLI", "secretAccessKey": "s3cret",
                 "securityToken": "", "region": "cn-north-4", "projectId": "project", "readTimeout": 10}]}"#,
        )));
        assert_eq!(key_pair(&found), ("AKOFKOOCLI", "s3cret", None));
        assert_eq!(found.region, Some("cn-north-4".into()));
        assert_eq!(found.project_id.as_ref().unwrap().as_str(), "project");
        assert!(
            found
                .source
                .to_string()
                .starts_with("KooCLI (profile \"mine\" of ")
        );
    }

    #[test]
    fn encrypted_keys_are_an_error_with_the_command_to_type() {
        for text in [
            r#"{"authEncrypt": "true", "current": "a", "profiles": [{"name": "a", "accessKeyId": "QTWAOYTTINDUT2QVKYUC", "secretAccessKey": "s3cret"}]}"#,
            r#"{"authEncrypt": true, "current": "a", "profiles": [{"name": "a", "accessKeyId": "x", "secretAccessKey": "s3cret"}]}"#,
            r#"{"current": "a", "profiles": [{"name": "a", "accessKeyId": "s3cret/+==", "secretAccessKey": "s3cret"}]}"#,
        ] {
            let (why, message) = fault(text);
            assert_eq!(why, ProfileFault::Encrypted("a".into()));
            assert!(
                message.contains("hcloud configure set --cli-auth-encrypt=false"),
                "{message}"
            );
        }
    }

    #[test]
    fn a_missing_profile_is_an_error_that_lists_those_that_are_there() {
        let (why, _) = fault(r#"{"current": "c", "profiles": [{"name": "a"}, {"name": "b"}]}"#);
        assert_eq!(
            why,
            ProfileFault::NoProfile {
                name: "c".into(),
                known: vec!["a".into(), "b".into()],
            }
        );
    }

    #[test]
    fn another_way_to_authenticate_is_named() {
        let (_, message) = fault(r#"{"current": "a", "profiles": [{"name": "a", "mode": "SSO"}]}"#);
        assert!(message.contains("authenticates by \"SSO\""), "{message}");
    }

    #[test]
    fn what_is_missing_in_the_profile_is_named() {
        let (why, _) = fault(
            r#"{"current": "a", "profiles": [{"name": "a", "accessKeyId": "QTWAOYTTINDUT2QVKYUC", "secretAccessKey": ""}]}"#,
        );
        let profile = "a".into();
        let key = "secretAccessKey";
        assert_eq!(why, ProfileFault::NoMember { profile, key });
    }

    #[test]
    fn broken_json_is_refused_by_line_and_column_without_quoting_it() {
        for text in [
            "{\n  \"profiles\": [{\"name\": \"a\" s3cret",
            "{\n  \"profiles\": \"s3cret\"}",
        ] {
            let (why, message) = fault(text);
            assert!(
                matches!(why, ProfileFault::Json { line: 2, .. }),
                "{message}"
            );
        }
    }

    #[test]
    fn a_configuration_without_keys_of_its_own_is_no_source() {
        for text in [
            r#"{"language": "en", "profiles": []}"#,
            "{}",
            r#"{"current": "a", "profiles": [{"name": "a", "mode": "ecsAgency"}]}"#,
        ] {
            assert!(matches!(look_at(text), Ok(Presence::Absent(_))), "{text}");
        }
        let nowhere = variables(&[("HOME", "/nowhere")]);
        assert!(matches!(look(&nowhere), Ok(Presence::Absent(_))));
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let folder = Folder::new();
        folder.open(".hcloud/config.json", "{}");
        let error = look(&variables(&[("HOME", folder.path().to_str().unwrap())])).unwrap_err();
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
}
