//! A hook that runs a program: its words as they are, never a shell; the payload as JSON on standard
//! input, and as `DCS_*` variables.

mod group;
mod output;
mod variables;

use std::ffi::{OsStr, OsString};
use std::future::ready;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use std::{env, io};

use rustix::fs::{Access, access};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

use super::{ANSWER, ExecSpec, Hook, Message, Payload, Problem, Receipt};
use crate::children::{self, OwnChild};
use crate::http::with_descriptor;
use crate::model::BoxFuture;
use crate::sanitize::{sanitize, system_words};
use group::Group;
use output::Output;

/// How long a program that has ended may leave its output open to others, such as a process that it
/// left in the background.
const LINGER: Duration = Duration::from_millis(200);

pub(super) struct Exec {
    program: String,
    arguments: Vec<String>,
    inherited: Vec<(OsString, OsString)>,
    timeout: Duration,
}

impl Exec {
    pub(super) fn new(
        spec: &ExecSpec,
        variables: &[(OsString, OsString)],
    ) -> Result<Self, Problem> {
        let Some((program, arguments)) = spec.argv.split_first() else {
            return Err(Problem::NoProgram);
        };
        let inherited = variables::inherited(variables);
        let unusable = |why| Problem::Program {
            program: program.clone(),
            why,
        };
        if program.is_empty() {
            return Err(Problem::NoProgram);
        }
        if spec.argv.iter().any(|word| word.contains('\0')) {
            return Err(unusable("a word holds a NUL character; take it out"));
        }
        find(program, &inherited).map_err(unusable)?;
        Ok(Self {
            program: program.clone(),
            arguments: arguments.to_vec(),
            inherited,
            timeout: spec.timeout,
        })
    }

    async fn run(&self, message: &Message) -> Receipt {
        let Ok(payload) = serde_json::from_str::<Payload>(&message.body) else {
            return Receipt::failed("the payload can't be read");
        };
        let start = || ready(self.start(message, &payload));
        match with_descriptor(start).await {
            Ok(running) => running.wait(self.timeout).await,
            Err(error) => {
                let text = format!("can't run {}: {}", self.program, system_words(&error));
                Receipt::failed(sanitize(&text, ANSWER))
            }
        }
    }

    fn start(&self, message: &Message, payload: &Payload) -> io::Result<Running> {
        let (output, writer) = Output::pipe()?;
        // The command is dropped at the end, and with it this program's hold on the pipe.
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(self.inherited.iter().map(|(name, value)| (name, value)))
            .envs(variables::of(message.id, payload))
            .stdin(Stdio::piped())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .process_group(0);
        let (mut child, own) = children::spawn(&mut command)?;
        Ok(Running {
            group: Group::led_by(child.id()),
            input: child.stdin.take(),
            body: format!("{}\n", message.body),
            child,
            _own: own,
            output,
        })
    }
}

/// Finds the program as it will be found when it is run.
fn find(program: &str, variables: &[(OsString, OsString)]) -> Result<(), &'static str> {
    let is_executable = |path: PathBuf| path.is_file() && access(&path, Access::EXEC_OK).is_ok();
    if program.contains('/') {
        return match Path::new(program) {
            path if is_executable(path.to_owned()) => Ok(()),
            path if path.is_file() => Err("it isn't executable; make it so with chmod +x"),
            _ => Err("there is no such file; check the path"),
        };
    }
    let path = variables.iter().find(|(name, _)| name == "PATH");
    let folders = path.map_or_else(|| OsStr::new("/bin:/usr/bin"), |(_, folders)| folders);
    let found = env::split_paths(folders).any(|folder| is_executable(folder.join(program)));
    found
        .then_some(())
        .ok_or("no folder of PATH has it; give its whole path")
}

impl Hook for Exec {
    fn deliver<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Receipt> {
        Box::pin(self.run(message))
    }
}

/// A program that runs.
struct Running {
    // Ended first, where this is dropped before the program has ended.
    group: Group,
    child: Child,
    _own: OwnChild,
    input: Option<ChildStdin>,
    body: String,
    output: Output,
}

impl Running {
    async fn wait(mut self, time_limit: Duration) -> Receipt {
        let ended = {
            let feed = feed(self.input.take(), &self.body);
            let attend = async { tokio::join!(feed, self.output.read()) };
            let ended = timeout(time_limit, self.child.wait());
            tokio::pin!(attend, ended);
            tokio::select! {
                ended = &mut ended => ended,
                _ = &mut attend => ended.await,
            }
        };
        match ended {
            Ok(Ok(status)) => {
                self.group.leave();
                // What holds it open longer isn't waited for.
                drop(timeout(LINGER, self.output.read()).await);
                receipt(status, &self.output.last_line())
            }
            Ok(Err(error)) => {
                Receipt::failed(sanitize(&format!("can't wait for it: {error}"), ANSWER))
            }
            Err(_) => {
                let limit = humantime::format_duration(time_limit);
                let end = async { tokio::join!(self.group.end(), self.child.wait()) };
                tokio::pin!(end);
                tokio::select! {
                    _ = &mut end => {}
                    () = self.output.read() => drop(end.await),
                }
                drop(timeout(LINGER, self.output.read()).await);
                let line = self.output.last_line();
                Receipt::failed(said(&format!("it was ended after {limit}"), &line))
            }
        }
    }
}

/// Hands the body over. A program that doesn't read it has its reasons.
async fn feed(input: Option<ChildStdin>, body: &str) {
    if let Some(mut input) = input {
        drop(input.write_all(body.as_bytes()).await);
    }
}

fn receipt(status: ExitStatus, last_line: &str) -> Receipt {
    let how = match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => status.to_string(),
    };
    let answer = said(&how, last_line);
    if status.success() {
        Receipt::Delivered { answer }
    } else {
        Receipt::failed(answer)
    }
}

fn said(how: &str, last_line: &str) -> String {
    match sanitize(last_line, ANSWER) {
        line if line.is_empty() => how.to_owned(),
        line => sanitize(&format!("{how}: {line}"), ANSWER),
    }
}
