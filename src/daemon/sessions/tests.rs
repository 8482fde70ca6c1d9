use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::model::NoMeter;

/// A directory with the credentials `a` and `b`.
fn directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for name in ["a.ak", "a.sk", "b.ak", "b.sk"] {
        let path = directory.path().join(name);
        fs::write(&path, name).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    directory
}

fn sessions() -> Sessions {
    Sessions::new(Arc::new(BTreeMap::new()), Arc::new(NoMeter))
}

/// A project by its name, the credential's, and the port of its endpoint.
fn project(name: &str, credential: &str, port: u16) -> String {
    format!(
        "[[project]]\nname = \"{name}\"\nendpoint = \"http://127.0.0.1:{port}\"\nproject_id = \"p\"\n\
         ak_file = \"{credential}.ak\"\nsk_file = \"{credential}.sk\"\n"
    )
}

fn config(directory: &TempDir, text: &str) -> Config {
    let path = directory.path().join("dcs-wait.toml");
    Config::parse(Path::new(&path), text, &BTreeMap::new()).unwrap()
}

async fn open(sessions: &mut Sessions, config: &Config) -> HashMap<ProjectName, Arc<Session>> {
    let projects = sessions.of(config).await.unwrap().into_iter();
    projects
        .map(|(name, project)| (name, project.session))
        .collect()
}

fn named<'a>(of: &'a HashMap<ProjectName, Arc<Session>>, name: &str) -> &'a Arc<Session> {
    of.get(&name.parse::<ProjectName>().unwrap()).unwrap()
}

#[tokio::test]
async fn projects_with_one_credential_share_what_holds_them_back() {
    let directory = directory();
    let text = [
        project("one", "a", 1),
        project("two", "a", 1),
        project("elsewhere", "a", 2),
        project("other", "b", 1),
    ];
    let of = open(&mut sessions(), &config(&directory, &text.concat())).await;
    let gate = |name| &named(&of, name).gate;
    assert!(Arc::ptr_eq(gate("one"), gate("two")));
    assert!(!Arc::ptr_eq(gate("one"), gate("elsewhere")));
    assert!(!Arc::ptr_eq(gate("one"), gate("other")));
}

#[tokio::test]
async fn a_server_is_the_same_however_it_is_named() {
    let directory = directory();
    let project = |name: &str, place: &str| {
        format!(
            "[[project]]\nname = \"{name}\"\n{place}\nproject_id = \"p\"\n\
             ak_file = \"a.ak\"\nsk_file = \"a.sk\"\n"
        )
    };
    let text = [
        project("region", "region = \"cn-north-4\""),
        project(
            "url",
            "endpoint = \"https://DCS.cn-north-4.myhuaweicloud.com:443/\"",
        ),
        project(
            "path",
            "endpoint = \"https://dcs.cn-north-4.myhuaweicloud.com/base\"",
        ),
        project(
            "scheme",
            "endpoint = \"http://dcs.cn-north-4.myhuaweicloud.com\"",
        ),
        project("moved", "region = \"eu-west-0\""),
        project("override", "endpoint = \"https://dcs.internal:8443\""),
    ];
    let variable = "HUAWEICLOUD_SDK_REGION_DCS_EU_WEST_0".to_owned();
    let environment = BTreeMap::from([(variable, "https://dcs.internal:8443".to_owned())]);
    let mut sessions = Sessions::new(Arc::new(environment), Arc::new(NoMeter));
    let of = open(&mut sessions, &config(&directory, &text.concat())).await;
    let gate = |name| &named(&of, name).gate;
    for same in ["url", "path"] {
        assert!(Arc::ptr_eq(gate("region"), gate(same)), "{same}");
    }
    for other in ["scheme", "moved"] {
        assert!(!Arc::ptr_eq(gate("region"), gate(other)), "{other}");
    }
    assert!(Arc::ptr_eq(gate("moved"), gate("override")));
    named(&of, "region").endpoint.prove();
    assert!(named(&of, "url").endpoint.is_proven());
    assert!(
        !named(&of, "path").endpoint.is_proven(),
        "that may be a wrong one"
    );
}

#[tokio::test]
async fn a_credential_of_the_environment_has_a_gate_at_each_server() {
    let directory = directory();
    let project = |name: &str, port: u16| {
        format!(
            "[[project]]\nname = \"{name}\"\nendpoint = \"http://127.0.0.1:{port}\"\nproject_id = \"p\"\n"
        )
    };
    let text = [project("one", 1), project("two", 1), project("other", 2)];
    let variables = [("HUAWEICLOUD_SDK_AK", "ak"), ("HUAWEICLOUD_SDK_SK", "sk")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let environment = Arc::new(BTreeMap::from(variables));
    let mut sessions = Sessions::new(environment, Arc::new(NoMeter));
    let of = open(&mut sessions, &config(&directory, &text.concat())).await;
    let gate = |name| &named(&of, name).gate;
    assert!(Arc::ptr_eq(gate("one"), gate("two")));
    assert!(!Arc::ptr_eq(gate("one"), gate("other")));
}

#[tokio::test]
async fn a_reload_leaves_what_stays_as_it_is() {
    let directory = directory();
    let (stays, moves) = (project("stays", "a", 1), project("moves", "a", 1));
    let mut sessions = sessions();
    let before = open(
        &mut sessions,
        &config(&directory, &format!("{stays}{moves}")),
    )
    .await;
    let moved = project("moves", "a", 2);
    let new = config(
        &directory,
        &format!("[poll]\ntimeout = \"1h\"\n{stays}{moved}"),
    );
    let after = open(&mut sessions, &new).await;
    assert!(Arc::ptr_eq(named(&before, "stays"), named(&after, "stays")));
    assert!(!Arc::ptr_eq(
        named(&before, "moves"),
        named(&after, "moves")
    ));
    let gates = [&before, &after].map(|of| &named(of, "moves").gate);
    assert!(
        !Arc::ptr_eq(gates[0], gates[1]),
        "the limit is another server's"
    );
    let joined = config(&directory, &format!("{stays}{}", project("joins", "a", 1)));
    let last = open(&mut sessions, &joined).await;
    let gates = [named(&before, "stays"), named(&last, "joins")].map(|of| &of.gate);
    assert!(
        Arc::ptr_eq(gates[0], gates[1]),
        "the limit goes on to be shared"
    );
}

#[tokio::test]
async fn another_limit_is_another_gate() {
    let directory = directory();
    let text = project("one", "a", 1);
    let mut sessions = sessions();
    let before = open(&mut sessions, &config(&directory, &text)).await;
    let text = format!("[limits]\nmax_rps = 3\n{text}");
    let after = open(&mut sessions, &config(&directory, &text)).await;
    let gates = [&before, &after].map(|of| &named(of, "one").gate);
    assert!(!Arc::ptr_eq(gates[0], gates[1]));
    assert_eq!(gates[1].limiter.spacing(), Duration::from_secs(1) / 3);
}

#[tokio::test]
async fn a_credential_that_is_not_there_is_refused_and_named() {
    let directory = directory();
    let text = [project("one", "a", 1), project("two", "c", 1)].concat();
    let mut sessions = sessions();
    let error = sessions.of(&config(&directory, &text)).await.err().unwrap();
    assert!(error.to_string().starts_with("project two: "), "{error}");
    assert!(sessions.kept.is_empty());
}
