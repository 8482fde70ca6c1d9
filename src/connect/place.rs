//! Where the service is, and which project is meant.

use reqwest::Url;

use super::ConnectError;
use crate::api;
use crate::auth::Found;
use crate::environment::Environment;
use crate::model::ProjectId;
use crate::sanitize::ForeignText;

/// Where the service is, as far as it is said. The credential's source may know more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The region.
    pub region: Option<String>,
    /// The DCS endpoint, instead of the region's.
    pub endpoint: Option<Url>,
    /// The project.
    pub project_id: Option<ProjectId>,
}

impl Place {
    /// The place, and what `DCS_WAIT_*` and `HW_REGION_NAME` say where it says nothing.
    ///
    /// # Errors
    /// When a variable that is needed is no endpoint, or no project's ID.
    pub fn or_environment(self, environment: &dyn Environment) -> Result<Self, ConnectError> {
        Ok(Self {
            region: self.region.or_else(|| {
                ["DCS_WAIT_REGION", "HW_REGION_NAME"]
                    .iter()
                    .find_map(|name| environment.var(name))
            }),
            endpoint: match (self.endpoint, environment.var("DCS_WAIT_ENDPOINT")) {
                (None, Some(url)) => Some(api::parse_endpoint(&url)?),
                (endpoint, _) => endpoint,
            },
            project_id: match (self.project_id, environment.var("DCS_WAIT_PROJECT_ID")) {
                (None, Some(id)) => Some(Self::parse_project(&id)?),
                (project_id, _) => project_id,
            },
        })
    }

    /// Reads a project's ID.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse_project(id: &str) -> Result<ProjectId, ConnectError> {
        id.parse().map_err(|why| ConnectError::ProjectId {
            text: id.chars().take(80).collect(),
            why,
        })
    }

    /// Checks what options and variables say, without the credential's source.
    ///
    /// # Errors
    /// When the region's name is malformed, or the variable for its endpoint holds none.
    pub fn check(&self, environment: &dyn Environment) -> Result<(), ConnectError> {
        if let (None, Some(region)) = (&self.endpoint, &self.region) {
            api::endpoint(region, environment)?;
        }
        Ok(())
    }

    fn region<'a>(&'a self, found: &'a Found) -> Option<&'a str> {
        self.region
            .as_deref()
            .or(found.region.as_ref().map(ForeignText::raw))
    }

    /// The DCS endpoint.
    ///
    /// # Errors
    /// When no region is known, or the variable for its endpoint holds none.
    pub fn endpoint(
        &self,
        found: &Found,
        environment: &dyn Environment,
    ) -> Result<Url, ConnectError> {
        if let Some(endpoint) = &self.endpoint {
            return Ok(endpoint.clone());
        }
        let region = self.region(found).ok_or(ConnectError::NoRegion)?;
        Ok(api::endpoint(region, environment)?)
    }

    /// The region, where the DCS endpoint is made of its name.
    #[must_use]
    pub fn region_of_endpoint(
        &self,
        found: &Found,
        environment: &dyn Environment,
    ) -> Option<String> {
        let region = self.region(found).filter(|_| self.endpoint.is_none())?;
        let is_overridden = environment.var(&api::endpoint_variable(region)).is_some();
        (!is_overridden).then(|| region.to_owned())
    }

    /// The project, where it is known without asking IAM.
    ///
    /// # Errors
    /// When a variable that should name it doesn't.
    pub fn project(
        &self,
        found: &Found,
        environment: &dyn Environment,
    ) -> Result<Option<ProjectId>, ConnectError> {
        if let Some(known) = self.project_id.as_ref().or(found.project_id.as_ref()) {
            return Ok(Some(known.clone()));
        }
        ["HUAWEICLOUD_SDK_PROJECT_ID", "HW_PROJECT_ID"]
            .iter()
            .find_map(|name| environment.var(name))
            .map(|id| Self::parse_project(&id))
            .transpose()
    }

    /// The name to look the project up by: a region's main project has the region's name.
    ///
    /// # Errors
    /// When no region is known either.
    pub fn project_name(&self, found: &Found) -> Result<String, ConnectError> {
        found
            .project_name
            .as_ref()
            .map(ForeignText::raw)
            .or(self.region(found))
            .map(str::to_owned)
            .ok_or(ConnectError::NoProject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn environment() -> BTreeMap<String, String> {
        let variables = [
            ("HW_REGION_NAME", "eu-west-0"),
            ("DCS_WAIT_ENDPOINT", "https://dcs.internal"),
            ("DCS_WAIT_PROJECT_ID", "p9"),
        ];
        BTreeMap::from(variables.map(|(name, value)| (name.to_owned(), value.to_owned())))
    }

    #[test]
    fn the_environment_fills_in_what_is_not_said() {
        let place = Place::default().or_environment(&environment()).unwrap();
        assert_eq!(place.region.as_deref(), Some("eu-west-0"));
        assert_eq!(place.endpoint.unwrap().as_str(), "https://dcs.internal/");
        assert_eq!(place.project_id.unwrap().as_str(), "p9");
    }

    #[test]
    fn an_endpoint_is_made_of_the_region_s_name_unless_it_is_given() {
        use crate::auth::{Credential, Source};
        let found = Found {
            credential: Credential::Token("t0ken".into()),
            source: Source::Files,
            region: None,
            project_id: None,
            project_name: None,
            iam_endpoint: None,
            expires_at: None,
        };
        let region = |place: &Place, environment: &BTreeMap<String, String>| {
            place.region_of_endpoint(&found, environment)
        };
        let mut place = Place {
            region: Some("cn-north-4".to_owned()),
            ..Place::default()
        };
        let nothing = BTreeMap::new();
        assert_eq!(region(&place, &nothing).as_deref(), Some("cn-north-4"));
        let variable = "HUAWEICLOUD_SDK_REGION_DCS_CN_NORTH_4".to_owned();
        let overridden = BTreeMap::from([(variable, "https://dcs.internal".to_owned())]);
        assert_eq!(region(&place, &overridden), None);
        place.endpoint = Some("https://dcs.example".parse().unwrap());
        assert_eq!(region(&place, &nothing), None);
        assert_eq!(region(&Place::default(), &nothing), None);
    }

    #[test]
    fn what_is_said_comes_before_the_environment_however_broken_that_is() {
        let said = Place {
            region: Some("cn-north-4".to_owned()),
            endpoint: Some("https://dcs.example".parse().unwrap()),
            project_id: Some("p1".parse().unwrap()),
        };
        let mut broken = environment();
        broken.insert("DCS_WAIT_ENDPOINT".to_owned(), "nowhere".to_owned());
        broken.insert("DCS_WAIT_PROJECT_ID".to_owned(), "a/b".to_owned());
        assert_eq!(said.clone().or_environment(&broken).unwrap(), said);
        assert!(Place::default().or_environment(&broken).is_err());
    }
}
