//! Variables, under the three families of names that the vendor's tools use.

use std::fmt;

use super::{Presence, project_id, variable};
use crate::auth::credential::{Credential, KeyPair};
use crate::auth::error::AuthError;
use crate::auth::found::{Found, Source};
use crate::environment::Environment;
use crate::sanitize::ForeignText;
use crate::secret::Secret;

/// The families of variables. They are never mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `HUAWEICLOUD_SDK_*`, of the vendor's SDKs.
    HuaweiCloudSdk,
    /// `CLOUD_SDK_*`, of the examples in the API reference.
    CloudSdk,
    /// `HW_*`, of the Terraform provider.
    Hw,
}

/// The names of one family.
struct Names {
    access_key: &'static str,
    secret_key: &'static str,
    security_token: Option<&'static str>,
    project_id: Option<&'static str>,
    project_name: Option<&'static str>,
    region: Option<&'static str>,
}

impl Family {
    const IN_ORDER: [Self; 3] = [Self::HuaweiCloudSdk, Self::CloudSdk, Self::Hw];

    const fn names(self) -> Names {
        match self {
            Self::HuaweiCloudSdk => Names {
                access_key: "HUAWEICLOUD_SDK_AK",
                secret_key: "HUAWEICLOUD_SDK_SK",
                security_token: Some("HUAWEICLOUD_SDK_SECURITY_TOKEN"),
                project_id: Some("HUAWEICLOUD_SDK_PROJECT_ID"),
                project_name: None,
                region: None,
            },
            Self::CloudSdk => Names {
                access_key: "CLOUD_SDK_AK",
                secret_key: "CLOUD_SDK_SK",
                security_token: None,
                project_id: None,
                project_name: None,
                region: None,
            },
            Self::Hw => Names {
                access_key: "HW_ACCESS_KEY",
                secret_key: "HW_SECRET_KEY",
                security_token: Some("HW_SECURITY_TOKEN"),
                project_id: Some("HW_PROJECT_ID"),
                project_name: Some("HW_PROJECT_NAME"),
                region: Some("HW_REGION_NAME"),
            },
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.names();
        write!(f, "{}, {}", names.access_key, names.secret_key)
    }
}

pub(in crate::auth) fn look(environment: &dyn Environment) -> Result<Presence, AuthError> {
    for family in Family::IN_ORDER {
        let names = family.names();
        let (access_key, secret_key) = (
            variable(environment, names.access_key),
            variable(environment, names.secret_key),
        );
        let (set, missing) = match (access_key, secret_key) {
            (None, None) => continue,
            (Some(access_key), Some(secret_key)) => {
                return found(environment, family, access_key, secret_key.into());
            }
            (Some(_), None) => (names.access_key, names.secret_key),
            (None, Some(_)) => (names.secret_key, names.access_key),
        };
        return Err(AuthError::MissingVariable { set, missing });
    }
    let names = Family::IN_ORDER.map(|family| family.names().access_key);
    Ok(Presence::Absent(
        format!("none of {} is set", names.join(", ")).into(),
    ))
}

fn found(
    environment: &dyn Environment,
    family: Family,
    access_key: String,
    secret_key: Secret,
) -> Result<Presence, AuthError> {
    let names = family.names();
    let value = |name: Option<&str>| name.and_then(|name| variable(environment, name));
    let credential = Credential::KeyPair(KeyPair {
        access_key,
        secret_key,
        security_token: value(names.security_token).map(Secret::from),
    });
    let project_id = match (names.project_id, value(names.project_id)) {
        (Some(name), Some(text)) => Some(project_id(&text, || name.to_owned())?),
        _ => None,
    };
    let found = Found {
        project_id,
        project_name: value(names.project_name).map(ForeignText::from),
        region: value(names.region).map(ForeignText::from),
        ..Found::new(credential, Source::Environment(family))
    };
    Ok(found.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::testing::{key_pair, present, variables};

    #[test]
    fn the_sdk_s_family_comes_first_and_takes_nothing_from_another() {
        let found = present(look(&variables(&[
            ("HUAWEICLOUD_SDK_AK", "AKOFSDK"),
            ("HUAWEICLOUD_SDK_SK", "s3cret"),
            ("HUAWEICLOUD_SDK_PROJECT_ID", "project"),
            ("CLOUD_SDK_AK", "other"),
            ("HW_SECURITY_TOKEN", "other"),
            ("HW_REGION_NAME", "other"),
        ])));
        assert_eq!(found.source, Source::Environment(Family::HuaweiCloudSdk));
        assert_eq!(key_pair(&found), ("AKOFSDK", "s3cret", None));
        assert_eq!(found.project_id.unwrap().as_str(), "project");
        assert_eq!(found.region, None);
    }

    #[test]
    fn the_reference_s_family_comes_second() {
        let found = present(look(&variables(&[
            ("HW_ACCESS_KEY", "other"),
            ("CLOUD_SDK_AK", "AKOFREFERENCE"),
            ("CLOUD_SDK_SK", "s3cret\n"),
        ])));
        assert_eq!(key_pair(&found), ("AKOFREFERENCE", "s3cret", None));
        assert_eq!(found.source, Source::Environment(Family::CloudSdk));
    }

    #[test]
    fn terraform_s_family_brings_the_region_and_the_project() {
        let found = present(look(&variables(&[
            ("HW_ACCESS_KEY", "AKOFTERRAFORM"),
            ("HW_SECRET_KEY", "s3cret"),
            ("HW_SECURITY_TOKEN", "t0ken"),
            ("HW_REGION_NAME", "cn-north-4"),
            ("HW_PROJECT_ID", "project"),
            ("HW_PROJECT_NAME", "cn-north-4_team"),
        ])));
        assert_eq!(
            key_pair(&found),
            ("AKOFTERRAFORM", "s3cret", Some("t0ken".to_owned()))
        );
        assert_eq!(found.region, Some("cn-north-4".into()));
        assert_eq!(found.project_name, Some("cn-north-4_team".into()));
        assert_eq!(found.project_id.unwrap().as_str(), "project");
    }

    #[test]
    fn half_a_pair_is_an_error_even_where_another_family_is_whole() {
        for (set, missing) in [
            ("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK"),
            ("HUAWEICLOUD_SDK_SK", "HUAWEICLOUD_SDK_AK"),
            ("CLOUD_SDK_SK", "CLOUD_SDK_AK"),
        ] {
            let error = look(&variables(&[
                (set, "s3cret"),
                ("HW_ACCESS_KEY", "AK"),
                ("HW_SECRET_KEY", "SK"),
            ]))
            .unwrap_err()
            .to_string();
            assert!(error.contains(&format!("{missing} isn't")), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn a_project_alone_is_no_credential() {
        for environment in [
            variables(&[("HW_PROJECT_ID", "project"), ("HW_ACCESS_KEY", " ")]),
            variables(&[]),
        ] {
            assert!(matches!(look(&environment), Ok(Presence::Absent(_))));
        }
    }

    #[test]
    fn a_malformed_project_id_is_an_error_that_names_the_variable() {
        let error = look(&variables(&[
            ("HW_ACCESS_KEY", "AK"),
            ("HW_SECRET_KEY", "SK"),
            ("HW_PROJECT_ID", "a/b"),
        ]))
        .unwrap_err()
        .to_string();
        assert!(
            error.starts_with("HW_PROJECT_ID is no project ID"),
            "{error}"
        );
    }
}
