//! Where the service is.

use reqwest::Url;

use crate::environment::Environment;
use crate::sanitize::ForeignText;

/// Why an address is no endpoint.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// It is no URL, or one that a request can't be sent to.
    #[error(
        "{text:?} is no endpoint: {why}; give a URL such as https://dcs.cn-north-4.myhuaweicloud.com"
    )]
    Invalid {
        /// What was given.
        text: ForeignText,
        /// What is wrong with it.
        why: ForeignText,
    },
    /// The region's name could not be part of a host's.
    #[error("{0:?} is no region: letters, digits and '-' are allowed; give one such as cn-north-4")]
    InvalidRegion(ForeignText),
}

/// The DCS endpoint of a region: `HUAWEICLOUD_SDK_REGION_DCS_{REGION}`, as in the vendor's tools,
/// or else the public one.
///
/// # Errors
/// When the region's name is malformed, or the variable's value is no endpoint.
pub fn endpoint(region: &str, environment: &dyn Environment) -> Result<Url, EndpointError> {
    check_region(region)?;
    match environment.var(&endpoint_variable(region)) {
        Some(url) => parse_endpoint(&url),
        None => parse_endpoint(&format!("https://dcs.{region}.myhuaweicloud.com")),
    }
}

/// The variable that overrides a region's endpoint.
#[must_use]
pub fn endpoint_variable(region: &str) -> String {
    let region = region.to_ascii_uppercase().replace('-', "_");
    format!("HUAWEICLOUD_SDK_REGION_DCS_{region}")
}

/// The IAM endpoint: what the credential's source names, `HUAWEICLOUD_SDK_IAM_ENDPOINT`, or else
/// the public one.
///
/// # Errors
/// When the variable's value is no endpoint.
pub fn iam_endpoint(
    of_credential: Option<&Url>,
    environment: &dyn Environment,
) -> Result<Url, EndpointError> {
    match (
        of_credential,
        environment.var("HUAWEICLOUD_SDK_IAM_ENDPOINT"),
    ) {
        (Some(url), _) => Ok(url.clone()),
        (None, Some(url)) => parse_endpoint(&url),
        (None, None) => parse_endpoint("https://iam.myhuaweicloud.com"),
    }
}

/// Reads an endpoint: an absolute `https` or `http` URL without credentials, query and fragment.
///
/// # Errors
/// When it is anything else.
pub fn parse_endpoint(text: &str) -> Result<Url, EndpointError> {
    let invalid = |why: &str| EndpointError::Invalid {
        text: without_secrets(text).into(),
        why: why.into(),
    };
    if !text.contains("://") {
        return Err(invalid("it begins with neither https:// nor http://"));
    }
    let url: Url = text
        .trim()
        .parse()
        .map_err(|error| invalid(&format!("{error}")))?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(invalid("it is neither https nor http"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("an endpoint carries no credentials"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid("it has a query or a fragment"));
    }
    Ok(url)
}

/// The text with `...` for what may be a secret: all before an `@`, and all after a `?` or `#`.
/// It needn't be a URL, so this goes by the characters alone.
fn without_secrets(text: &str) -> String {
    let (before, place) = match text.rsplit_once('@') {
        Some((_, place)) => ("...@", place),
        None => ("", text),
    };
    match place.split_once(['?', '#']) {
        Some((place, _)) => format!("{before}{place}?..."),
        None => format!("{before}{place}"),
    }
}

fn check_region(region: &str) -> Result<(), EndpointError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if region.is_empty() || region.len() > 63 || !region.chars().all(allowed) {
        return Err(EndpointError::InvalidRegion(region.into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_region_has_its_public_endpoint() {
        let url = endpoint("cn-north-4", &BTreeMap::new()).unwrap();
        assert_eq!(url.as_str(), "https://dcs.cn-north-4.myhuaweicloud.com/");
    }

    #[test]
    fn the_vendors_variable_overrides_one_regions_endpoint() {
        let environment = BTreeMap::from([(
            "HUAWEICLOUD_SDK_REGION_DCS_CN_NORTH_4".to_owned(),
            "https://dcs.internal:8443".to_owned(),
        )]);
        let url = endpoint("cn-north-4", &environment).unwrap();
        assert_eq!(url.as_str(), "https://dcs.internal:8443/");
        let url = endpoint("eu-west-0", &environment).unwrap();
        assert_eq!(url.as_str(), "https://dcs.eu-west-0.myhuaweicloud.com/");
    }

    #[test]
    fn a_region_that_would_lead_elsewhere_is_refused() {
        for region in ["", "evil.example/", "a.b", "a@b", "a b"] {
            assert!(endpoint(region, &BTreeMap::new()).is_err(), "{region:?}");
        }
    }

    #[test]
    fn what_is_no_endpoint_is_refused_and_a_password_in_it_not_repeated() {
        for text in [
            "",
            "dcs.example",
            "ftp://dcs.example",
            "https://dcs.example?a=b",
        ] {
            assert!(parse_endpoint(text).is_err(), "{text:?}");
        }
        for text in [
            "https://me:s3cret@dcs.example",
            "ftp://me:s3cret@dcs.example",
            "https://me:s3cret@dcs example",
            "https://me:s3cret@dcs.example:99999",
            "https://me:n@s3cret@dcs.example",
            "https://dcs.example?token=s3cret",
            "https://dcs.example:x?token=s3cret#s3cret",
        ] {
            let message = parse_endpoint(text).unwrap_err().to_string();
            assert!(!message.contains("s3cret"), "{message}");
        }
    }
}
