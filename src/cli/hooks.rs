//! The hooks that `--webhook`, `--write` and `--exec` ask for, checked before anybody is asked
//! about a job.

use std::path::{Path, PathBuf};

use reqwest::Url;
use tokio::sync::mpsc::unbounded_channel;

use super::args::HookArgs;
use super::error::CliError;
use crate::config::defaults;
use crate::environment::ProcessEnvironment;
use crate::hooks::{
    self, Configured, DEFAULT_ON, ExecSpec, FileSpec, HookKind, HookSpec, Tools, WebhookSpec,
};
use crate::model::HookName;

/// Stands for `#` while words are split, which would begin a comment there: a channel's name such
/// as `#deploys` would be lost. No text has this character, as it means nothing.
const NO_COMMENT: &str = "\u{10FFFF}";

/// The hooks of a wait.
pub(super) struct WaitHooks {
    specs: Vec<HookSpec>,
    /// The hooks, ready to be used.
    pub(super) configured: Vec<Configured>,
}

impl WaitHooks {
    /// Makes the hooks. Files with secrets are read, and programs looked for.
    pub(super) fn of(args: &HookArgs) -> Result<Self, CliError> {
        let specs = specs(args)?;
        let tools = Tools {
            // No option asks for a hook that ends the process.
            exits: unbounded_channel().0,
            variables: ProcessEnvironment::inherited(),
        };
        let make = |spec| hooks::make(spec, &tools).map_err(CliError::usage);
        let configured = specs.iter().map(make).collect::<Result<_, _>>()?;
        Ok(Self { specs, configured })
    }

    /// Refuses files that several jobs would write over each other.
    pub(super) fn check_for_jobs(&self, jobs: usize) -> Result<(), CliError> {
        let is_shared = |name: &str| {
            !["{job_id}", "{watch_id}"]
                .iter()
                .any(|id| name.contains(id))
        };
        let shared = self.specs.iter().find_map(|spec| match &spec.kind {
            HookKind::File(FileSpec::Replace { name, .. }) if is_shared(name) => Some(name),
            _ => None,
        });
        match shared {
            Some(name) if jobs > 1 => Err(CliError::usage(format!(
                "--write {name}: {jobs} jobs would write over each other there; put {{job_id}} into the file's name"
            ))),
            _ => Ok(()),
        }
    }
}

/// What the options ask for, each hook under a name that messages call it by.
fn specs(args: &HookArgs) -> Result<Vec<HookSpec>, CliError> {
    let webhooks = args.webhook.iter().map(|text| webhook(text, args));
    let webhooks = webhooks.collect::<Result<Vec<_>, _>>()?;
    let writes = args.write.iter().map(|path| write(path));
    let writes = writes.collect::<Result<Vec<_>, _>>()?;
    let execs = args.exec.iter().map(|text| exec(text));
    let execs = execs.collect::<Result<Vec<_>, _>>()?;
    if webhooks.is_empty() && writes.is_empty() && execs.is_empty() {
        let given = [
            (!args.hook_on.is_empty(), "--hook-on"),
            (args.hook_timeout.is_some(), "--hook-timeout"),
        ];
        if let Some((_, option)) = given.into_iter().find(|(given, _)| *given) {
            return Err(CliError::usage(format!(
                "{option} is given and no hook; give --webhook, --write or --exec as well"
            )));
        }
    }
    if args.hook_timeout.is_some_and(|timeout| timeout.is_zero()) {
        return Err(CliError::usage(
            "--hook-timeout is zero; give the time that hooks may take, such as 1min",
        ));
    }
    let mut on = if args.hook_on.is_empty() {
        DEFAULT_ON.to_vec()
    } else {
        args.hook_on.clone()
    };
    let mut seen = std::collections::HashSet::new();
    on.retain(|outcome| seen.insert(*outcome));
    let mut specs = Vec::new();
    for (option, kinds, concurrency) in [
        ("webhook", webhooks, defaults::WEBHOOK_CONCURRENCY),
        ("write", writes, defaults::FILE_CONCURRENCY),
        ("exec", execs, defaults::EXEC_CONCURRENCY),
    ] {
        let several = kinds.len() > 1;
        for (index, kind) in kinds.into_iter().enumerate() {
            specs.push(HookSpec {
                name: name(option, several.then_some(index + 1))?,
                on: on.clone(),
                by_default: true,
                concurrency: concurrency as usize,
                kind,
            });
        }
    }
    Ok(specs)
}

fn name(option: &str, number: Option<usize>) -> Result<HookName, CliError> {
    let text = match number {
        Some(number) => format!("{option}-{number}"),
        None => option.to_owned(),
    };
    text.parse().map_err(CliError::internal)
}

fn webhook(text: &str, args: &HookArgs) -> Result<HookKind, CliError> {
    // The text isn't repeated: who knows the URL may be all that a receiver asks.
    let url = Url::parse(text.trim()).map_err(|error| {
        CliError::usage(format!(
            "--webhook is no URL: {error}; give one such as https://ci.example.com/done"
        ))
    })?;
    Ok(HookKind::Webhook(WebhookSpec {
        url,
        secret_files: args.webhook_secret_file.clone(),
        headers: Vec::new(),
        header_files: Vec::new(),
        ca_file: None,
        timeout: defaults::WEBHOOK_TIMEOUT,
    }))
}

fn write(path: &Path) -> Result<HookKind, CliError> {
    let refused = |why: String| CliError::usage(format!("--write {}: {why}", path.display()));
    // A path that ends in a slash has a name for what is before it.
    let is_directory = path.is_dir() || path.as_os_str().as_encoded_bytes().ends_with(b"/");
    let name = match path.file_name().map(|name| name.to_str()) {
        _ if is_directory => {
            return Err(refused(
                "it is a directory; name a file in it, such as {job_id}.json".to_owned(),
            ));
        }
        Some(Some(name)) => name.to_owned(),
        Some(None) => return Err(refused("its name is not UTF-8; choose another".to_owned())),
        None => return Err(refused("it names no file".to_owned())),
    };
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    Ok(HookKind::File(FileSpec::Replace { directory, name }))
}

fn exec(text: &str) -> Result<HookKind, CliError> {
    // Its words aren't repeated: there may be a secret among them.
    let words = shlex::split(&text.replace('#', NO_COMMENT)).ok_or_else(|| {
        CliError::usage("--exec has a quote that isn't closed, or ends in a backslash; mend it")
    })?;
    let argv = words
        .iter()
        .map(|word| word.replace(NO_COMMENT, "#"))
        .collect();
    Ok(HookKind::Exec(ExecSpec {
        argv,
        timeout: defaults::EXEC_TIMEOUT,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Outcome;

    fn hooks_of(args: &HookArgs) -> Result<WaitHooks, String> {
        WaitHooks::of(args).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn refuses(args: &HookArgs, why: &str) {
        let message = hooks_of(args).map(|_| ()).unwrap_err();
        assert!(message.contains(why), "{message}");
    }

    fn sending(urls: &[&str]) -> HookArgs {
        HookArgs {
            webhook: urls.iter().map(|url| (*url).to_owned()).collect(),
            ..HookArgs::default()
        }
    }

    fn writing(path: &str) -> HookArgs {
        HookArgs {
            write: vec![path.into()],
            ..HookArgs::default()
        }
    }

    fn running(text: &str) -> HookArgs {
        HookArgs {
            exec: vec![text.to_owned()],
            ..HookArgs::default()
        }
    }

    #[test]
    fn hooks_are_numbered_where_there_are_several_of_a_kind() {
        let args = HookArgs {
            write: vec!["x.json".into()],
            ..sending(&["http://a/", "https://b/"])
        };
        let specs = specs(&args).unwrap();
        let names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
        assert_eq!(names, ["webhook-1", "webhook-2", "write"]);
        assert!(specs.iter().all(|spec| spec.on == DEFAULT_ON));
    }

    #[test]
    fn words_are_split_as_a_shell_would_and_given_to_none() {
        let specs = specs(&running(r##"echo 'a b' "$HOME" c\ d; #rm"##)).unwrap();
        let HookKind::Exec(exec) = &specs[0].kind else {
            panic!("{specs:?}");
        };
        assert_eq!(exec.argv, ["echo", "a b", "$HOME", "c d;", "#rm"]);
    }

    #[test]
    fn what_is_no_program_is_refused() {
        for text in ["", "'' x", "/no/such/program x"] {
            refuses(&running(text), "hook exec: ");
        }
        for text in ["echo 'a", "echo \\"] {
            refuses(&running(text), "isn't closed");
        }
    }

    #[test]
    fn a_file_is_written_beside_others_that_exist() {
        let specs = specs(&writing("{job_id}.json")).unwrap();
        let HookKind::File(FileSpec::Replace { directory, name }) = &specs[0].kind else {
            panic!("{specs:?}");
        };
        assert_eq!(
            (directory.as_path(), name.as_str()),
            (Path::new("."), "{job_id}.json")
        );
        refuses(&writing("/no/such/folder/x.json"), "/no/such/folder");
        for path in ["/tmp", "/tmp/", "no-such-folder/", ".."] {
            refuses(&writing(path), "is a directory");
        }
    }

    #[test]
    fn one_file_is_not_for_several_jobs() {
        let one = hooks_of(&writing("result.json")).unwrap();
        assert!(one.check_for_jobs(1).is_ok());
        let message = one.check_for_jobs(2).unwrap_err().to_string();
        assert!(message.contains("{job_id}"), "{message}");
        let each = hooks_of(&writing("{job_id}.json")).unwrap();
        assert!(each.check_for_jobs(2).is_ok());
    }

    #[test]
    fn a_url_that_is_refused_is_not_repeated() {
        for url in ["ftp://host/s3cret", "s3cret", "http://me:s3cret@host/"] {
            let message = hooks_of(&sending(&[url])).map(|_| ()).unwrap_err();
            assert!(message.contains("webhook"), "{message}");
            assert!(!message.contains("s3cret"), "{message}");
        }
    }

    #[test]
    fn outcomes_are_for_hooks_and_each_counts_once() {
        let mut args = HookArgs {
            hook_on: vec![Outcome::Failed, Outcome::Failed],
            ..HookArgs::default()
        };
        refuses(&args, "--hook-on");
        args.webhook = vec!["http://a/".to_owned()];
        assert_eq!(specs(&args).unwrap()[0].on, [Outcome::Failed]);
    }
}
