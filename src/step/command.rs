//! The kind `command`: a fragment of shell that is run until its effect is there.

use schemars::JsonSchema;
use serde::Deserialize;

use super::kind::params::AbsolutePath;
use super::kind::{Kind, Params, read, refuse};
use super::probe::{PathState, Probe};
use super::promised::digest;
use super::world::World;
use super::{Assessment, Diff, Fix, Resource, Step};
use crate::diagnostic::Diagnostics;
use crate::host::script::Script;

pub const KIND: Kind = Kind {
    name: "command",
    page: include_str!("../../book/src/steps/command.md"),
    schema: || schemars::schema_for!(Command),
    parse,
};

/// The status of a check that was ended because it took too long: see `host/observe/check.sh`.
const TOO_SLOW: i32 = 124;

/// A command with an effect that can be looked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Command {
    /// The fragment of shell.
    run: String,
    /// It is run unless this path exists.
    creates: Option<AbsolutePath>,
    /// It is run unless this fragment, which must change nothing, succeeds. Asked as root.
    unless: Option<String>,
    /// Who runs it: root if not given.
    user: Option<String>,
    /// It needs something of others (a name in DNS, say): when it fails, it waits for the next apply.
    #[serde(default)]
    may_wait: bool,
}

fn parse(params: &Params<'_>) -> Result<Box<dyn Step>, Diagnostics> {
    let command: Command = read(params)?;
    if command.creates.is_some() == command.unless.is_some() {
        return Err(refuse(
            params,
            &[],
            "a command needs exactly one of `creates` and `unless`",
        )
        .help("without them nobody could tell whether it is still to be run")
        .into());
    }
    let scripts = [Some(&command.run), command.unless.as_ref()];
    if scripts
        .into_iter()
        .flatten()
        .any(|script| script.trim().is_empty())
    {
        return Err(refuse(params, &[], "the command is empty").into());
    }
    Ok(Box::new(command))
}

impl Command {
    /// The first line, shortened.
    fn title(&self) -> String {
        let line = self.run.trim().lines().next().unwrap_or_default();
        let more = line.chars().count() > 60 || self.run.trim().lines().nth(1).is_some();
        let title: String = line.chars().take(60).collect();
        if more { format!("{title} …") } else { title }
    }
}

impl Step for Command {
    fn summary(&self) -> String {
        self.title()
    }

    fn probes(&self) -> Vec<Probe> {
        let creates = self.creates.as_ref().map(|path| Probe::Path {
            path: path.to_string(),
            unless: None,
        });
        let unless = self.unless.clone().map(Probe::Check);
        creates.into_iter().chain(unless).collect()
    }

    fn assess(&self, world: &World<'_>) -> Assessment {
        let (done, why) = match (&self.creates, &self.unless) {
            (Some(path), _) => {
                let done = !matches!(world.path(path.as_str()), PathState::Absent);
                (done, format!("{path} does not exist"))
            }
            (None, Some(unless)) => {
                let done = world.check(unless).is_some_and(|check| check.status == 0);
                (done, format!("`{}` does not succeed", unless.trim()))
            }
            (None, None) => (true, String::new()),
        };
        let slow = |unless| world.check(unless).is_some_and(|check| check.status == TOO_SLOW);
        if self.unless.as_ref().is_some_and(|unless| slow(unless)) {
            Assessment::Refused(format!(
                "`{}` had not answered after five minutes, so nobody knows whether the command is still to be run; try it \
                 on the host",
                self.unless.as_deref().unwrap_or_default().trim()
            ))
        } else if done {
            Assessment::Converged
        } else {
            Assessment::Create(Diff::default().note(format!("runs `{}`: {why}", self.run.trim())))
        }
    }

    fn may_wait(&self) -> bool {
        self.may_wait
    }

    fn fix(&self, _world: &World<'_>) -> Fix {
        // What it prints belongs to the report of a failure, so it goes where that looks.
        let script = match &self.user {
            None => Script::new().code("(\n").authored(&self.run).code("\n) >&2\n"),
            // Through standard input: the fragment may hold a secret, and arguments are for everybody to read.
            Some(user) => Script::new()
                .data(self.run.as_bytes())
                .code(" | runuser -u")
                .word(user)
                .code(" -- sh -c 'mailprov_run=$(cat); exec </dev/null; cd /; eval \"$mailprov_run\"' >&2\n"),
        };
        Fix::Script(script)
    }

    fn provides(&self) -> Vec<Resource> {
        self.creates
            .iter()
            .map(|path| Resource::Path(path.to_string()))
            .collect()
    }

    fn requires(&self) -> Vec<Resource> {
        let user = self.user.clone().map(Resource::User);
        let folder = self
            .creates
            .as_ref()
            .map(|path| Resource::Path(path.parent().to_owned()));
        user.into_iter().chain(folder).collect()
    }

    fn digest(&self) -> String {
        let user = self.user.as_deref().unwrap_or("root");
        digest([self.run.as_str(), user].map(str::as_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::super::promised::testing::{Host, directory, refused, step};
    use super::*;
    use crate::step::probe::CheckState;
    use serde_json::json;

    #[test]
    fn creates_asks_for_a_path() {
        let step = step(&KIND, json!({"run": "make-it", "creates": "/var/lib/it"}));
        assert!(matches!(Host::default().assess(&*step), Assessment::Create(_)));
        let host = Host::default().path("/var/lib/it", directory("0755"));
        assert_eq!(host.assess(&*step), Assessment::Converged);
        assert_eq!(step.provides(), [Resource::Path("/var/lib/it".into())]);
    }

    #[test]
    fn unless_asks_its_own_question() {
        let step = step(&KIND, json!({"run": "do", "unless": "done?"}));
        let answer = |status| {
            let mut host = Host::default();
            let check = CheckState {
                status,
                output: String::new(),
            };
            host.observed.checks.insert("done?".into(), check);
            host.assess(&*step)
        };
        assert!(matches!(Host::default().assess(&*step), Assessment::Create(_)));
        assert!(matches!(answer(1), Assessment::Create(_)));
        assert_eq!(answer(0), Assessment::Converged);
        assert!(
            matches!(answer(124), Assessment::Refused(_)),
            "not run on a guess"
        );
    }

    #[test]
    fn it_runs_as_it_stands_and_for_whom_it_says() {
        let run = |value| {
            let script = Host::default().script(&*step(&KIND, value));
            let output = std::process::Command::new("sh")
                .arg("-c")
                .arg(script)
                .output()
                .unwrap();
            (
                output.status.code(),
                String::from_utf8_lossy(&output.stderr).into_owned(),
            )
        };
        let fragment = "echo \"it's\"; test ! -t 0; exit 7";
        assert_eq!(
            run(json!({"run": fragment, "unless": "x"})),
            (Some(7), "it's\n".into())
        );
        let root = std::process::Command::new("id")
            .arg("-u")
            .output()
            .unwrap()
            .stdout
            == b"0\n";
        if root {
            let fragment = "id -un; pwd; cat; exit 7";
            let ran = run(json!({"run": fragment, "unless": "x", "user": "nobody"}));
            assert_eq!(ran, (Some(7), "nobody\n/\n".into()));
        }
    }

    #[test]
    fn without_a_way_to_look_it_is_refused() {
        assert!(refused(&KIND, json!({"run": "x"})).contains("exactly one"));
        let both = json!({"run": "x", "creates": "/x", "unless": "y"});
        assert!(refused(&KIND, both).contains("exactly one"));
        assert!(refused(&KIND, json!({"run": " ", "creates": "/x"})).contains("empty"));
    }
}
