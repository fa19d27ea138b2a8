//! The kind `cron`: one line in a file of its own in /etc/cron.d.

use schemars::JsonSchema;
use serde::Deserialize;

use super::gone::Terms;
use super::kind::params::{AbsolutePath, Mode, refuse_readable_secret};
use super::kind::{Kind, Params, read, refuse};
use super::probe::Probe;
use super::promised::{HEADER, PromisedFile, State, assess_absent, remove};
use super::world::World;
use super::{Assessment, Fix, Rendered, Resource, Step};
use crate::diagnostic::{Diagnostic, Diagnostics};

pub const KIND: Kind = Kind {
    name: "cron",
    page: include_str!("../../book/src/steps/cron.md"),
    schema: || schemars::schema_for!(CronParams),
    parse,
};

/// A job in /etc/cron.d.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CronParams {
    /// The file's name: letters, digits, `-` and `_` (cron passes over any other).
    name: String,
    /// Five fields as in crontab(5), or a word like `@daily`.
    schedule: String,
    #[serde(default = "root")]
    user: String,
    /// One line of shell.
    command: String,
    #[serde(default)]
    state: State,
}

fn root() -> String {
    "root".to_owned()
}

#[derive(Debug)]
struct Cron {
    promised: PromisedFile,
    user: String,
    state: State,
}

/// The words that crontab(5) of Debian's cron knows.
const WORDS: [&str; 8] = [
    "@reboot",
    "@yearly",
    "@annually",
    "@monthly",
    "@weekly",
    "@daily",
    "@midnight",
    "@hourly",
];

fn parse(params: &Params<'_>) -> Result<Box<dyn Step>, Diagnostics> {
    let read: CronParams = read(params)?;
    let mut wrong = Diagnostics::default();
    let named = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if read.name.is_empty() || !read.name.chars().all(named) {
        wrong.push(
            refuse(params, &["name"], "cron passes over a file with this name")
                .help("use letters, digits, `-` and `_` only"),
        );
    }
    let fields: Vec<&str> = read.schedule.split_whitespace().collect();
    let field = |c: char| c.is_ascii_alphanumeric() || "*/,-".contains(c);
    let five = fields.len() == 5 && fields.iter().all(|text| text.chars().all(field));
    if !five && !WORDS.contains(&read.schedule.as_str()) {
        wrong.push(
            refuse(
                params,
                &["schedule"],
                format!("`{}` is no schedule", read.schedule),
            )
            .help("five fields (minute hour day month weekday), like \"30 4 * * *\", or a word like @daily"),
        );
    }
    if read.command.trim().is_empty() || read.command.contains(['\n', '\r']) {
        wrong.push(refuse(params, &["command"], "the command must be one line"));
    }
    if read.user.is_empty() || read.user.contains(char::is_whitespace) {
        wrong.push(refuse(params, &["user"], "this is no user's name"));
    }
    // cron ends the command at a bare `%` and gives it the rest as standard input.
    let command = read.command.replace('%', "\\%");
    let content = format!("{HEADER}{} {} {command}\n", fields.join(" "), read.user);
    if let Err(secret) = refuse_readable_secret(params, content.as_bytes(), &Mode::bits(0o644)) {
        wrong.extend(secret);
    }
    match AbsolutePath::new(&format!("/etc/cron.d/{}", read.name)) {
        Ok(path) if wrong.is_empty() => Ok(Box::new(Cron {
            promised: PromisedFile {
                path,
                content: content.into_bytes(),
                mode: "0644".into(),
                owner: root(),
                group: root(),
            },
            user: read.user,
            state: read.state,
        })),
        Ok(_) => Err(wrong),
        Err(message) if wrong.is_empty() => Err(Diagnostic::new(message).into()),
        Err(_) => Err(wrong),
    }
}

impl Step for Cron {
    fn summary(&self) -> String {
        match self.state {
            State::Present => self.promised.path.to_string(),
            State::Absent => format!("no {}", self.promised.path),
        }
    }

    fn probes(&self) -> Vec<Probe> {
        vec![self.promised.probe()]
    }

    fn assess(&self, world: &World<'_>) -> Assessment {
        match self.state {
            State::Present => self.promised.assess(world),
            State::Absent => assess_absent(&self.promised, world),
        }
    }

    fn fix(&self, _world: &World<'_>) -> Fix {
        match self.state {
            State::Present => self.promised.replacement().into(),
            State::Absent => Fix::Script(remove([self.promised.path.as_str()])),
        }
    }

    fn provides(&self) -> Vec<Resource> {
        match self.state {
            State::Present => vec![Resource::Path(self.promised.path.to_string())],
            State::Absent => Vec::new(),
        }
    }

    fn requires(&self) -> Vec<Resource> {
        match self.state {
            State::Present => {
                let mut requires = self.promised.requires();
                requires.push(Resource::User(self.user.clone()));
                requires
            }
            State::Absent => Vec::new(),
        }
    }

    fn taken_back(&self, terms: &Terms<'_>) -> Option<Box<dyn Step>> {
        let absent = || Self {
            promised: self.promised.clone(),
            user: self.user.clone(),
            state: State::Absent,
        };
        let goes = self.state == State::Present && !terms.kept.has_path(self.promised.path.as_str());
        goes.then(|| Box::new(absent()) as Box<dyn Step>)
    }

    fn digest(&self) -> String {
        match self.state {
            State::Present => self.promised.digest(),
            State::Absent => "absent".to_owned(),
        }
    }

    fn rendered(&self) -> Option<Rendered<'_>> {
        (self.state == State::Present).then(|| self.promised.rendered())
    }
}

#[cfg(test)]
mod tests {
    use super::super::promised::testing::{Host, refused, step};
    use super::*;
    use serde_json::json;

    const LINE: &str = "30 4 * * 1 mail date +\\%s >/tmp/x\n";

    fn job(state: &str) -> Box<dyn Step> {
        step(
            &KIND,
            json!({"name": "job", "schedule": "30  4 * * 1", "user": "mail", "command": "date +%s >/tmp/x", "state": state}),
        )
    }

    #[test]
    fn the_line_is_what_cron_wants() {
        let step = job("present");
        assert_eq!(
            step.rendered().unwrap().content,
            format!("{HEADER}{LINE}").as_bytes()
        );
        assert!(matches!(Host::default().assess(&*step), Assessment::Create(_)));
        let host = Host::default().file("/etc/cron.d/job", &format!("{HEADER}{LINE}"), "0644");
        assert_eq!(host.assess(&*step), Assessment::Converged);
        assert!(step.requires().contains(&Resource::User("mail".into())));
    }

    #[test]
    fn only_a_file_of_ours_goes() {
        let step = job("absent");
        let host = Host::default().file("/etc/cron.d/job", &format!("{HEADER}# older\n"), "0644");
        assert!(matches!(host.assess(&*step), Assessment::Remove(_)));
        let host = Host::default().file("/etc/cron.d/job", LINE, "0644");
        assert!(matches!(host.assess(&*step), Assessment::Refused(_)));
        assert_eq!(Host::default().assess(&*step), Assessment::Converged);
    }

    #[test]
    fn what_cron_would_pass_over_is_refused() {
        let with = |key: &str, value: &str| {
            let mut job = json!({"name": "job", "schedule": "@daily", "command": "true"});
            job[key] = value.into();
            refused(&KIND, job)
        };
        assert!(with("name", "job.sh").contains("passes over"));
        assert!(with("name", "../x").contains("passes over"));
        assert!(with("schedule", "* * * *").contains("no schedule"));
        assert!(with("schedule", "@often").contains("no schedule"));
        assert!(with("command", "a\nb").contains("one line"));
        assert!(with("command", "x hunter2").contains("secret"));
    }
}
