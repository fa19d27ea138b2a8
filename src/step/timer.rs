//! The kind `timer`: a command that systemd runs at set times.

use schemars::JsonSchema;
use serde::Deserialize;

use super::gone::Terms;
use super::kind::params::{AbsolutePath, Mode, refuse_readable_secret};
use super::kind::{Kind, Params, read, refuse};
use super::probe::Probe;
use super::promised::{Compared, HEADER, PromisedFile, State, assess_absent, digest, first, remove};
use super::world::World;
use super::{Assessment, Diff, Fix, Rendered, Resource, Step, replace};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::host::script::{Script, quote};

pub const KIND: Kind = Kind {
    name: "timer",
    page: include_str!("../../book/src/steps/timer.md"),
    schema: || schemars::schema_for!(TimerParams),
    parse,
};

/// A systemd timer and the service that it starts.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TimerParams {
    /// The units are `NAME.timer` and `NAME.service`.
    name: String,
    /// When, as in systemd.time(7): `daily`, `Mon *-*-* 04:30`.
    on_calendar: String,
    /// A line of shell.
    command: String,
    #[serde(default = "root")]
    user: String,
    /// A sentence for `systemctl status`.
    description: Option<String>,
    #[serde(default)]
    state: State,
}

fn root() -> String {
    "root".to_owned()
}

#[derive(Debug)]
struct Timer {
    name: String,
    on_calendar: String,
    user: String,
    timer: PromisedFile,
    service: PromisedFile,
    state: State,
}

fn parse(params: &Params<'_>) -> Result<Box<dyn Step>, Diagnostics> {
    let read: TimerParams = read(params)?;
    let mut wrong = Diagnostics::default();
    let named = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !read.name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !read.name.chars().all(named) {
        wrong.push(
            refuse(params, &["name"], "this is no name of a unit")
                .help("use letters, digits, `-`, `_` and `.`"),
        );
    }
    let description = read
        .description
        .unwrap_or_else(|| format!("{}, kept by mailprov", read.name));
    let lines = [
        ("on_calendar", &read.on_calendar),
        ("command", &read.command),
        ("user", &read.user),
        ("description", &description),
    ];
    for (name, text) in lines {
        if text.trim().is_empty() || text.contains(char::is_control) {
            wrong.push(refuse(params, &[name], format!("`{name}` must be one line")));
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let file = |suffix: &str, content: String| {
        let path = format!("/etc/systemd/system/{}.{suffix}", read.name);
        let content = content.into_bytes();
        refuse_readable_secret(params, &content, &Mode::bits(0o644))?;
        Ok::<_, Diagnostics>(PromisedFile {
            path: AbsolutePath::new(&path).map_err(Diagnostic::new)?,
            content,
            mode: "0644".into(),
            owner: root(),
            group: root(),
        })
    };
    // systemd expands `%` everywhere in a unit file.
    let (description, user) = (description.replace('%', "%%"), read.user.replace('%', "%%"));
    let timer = file(
        "timer",
        format!(
            "{HEADER}[Unit]\nDescription={description}\n\n[Timer]\nOnCalendar={}\nPersistent=true\n\n\
             [Install]\nWantedBy=timers.target\n",
            read.on_calendar
        ),
    )?;
    let service = file(
        "service",
        format!(
            "{HEADER}[Unit]\nDescription={description}\n\n[Service]\nType=oneshot\nUser={user}\n\
             ExecStart=/bin/sh -c {}\n",
            exec_word(&read.command)
        ),
    )?;
    Ok(Box::new(Timer {
        name: read.name,
        on_calendar: read.on_calendar,
        user: read.user,
        timer,
        service,
        state: read.state,
    }))
}

/// One word of `ExecStart=`: systemd.service(5) takes quotes, backslashes, `%` and `$` for itself.
fn exec_word(word: &str) -> String {
    let mut quoted = String::from("\"");
    for c in word.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '%' | '$' => quoted.extend([c, c]),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

impl Timer {
    fn units(&self) -> [String; 2] {
        [format!("{}.timer", self.name), format!("{}.service", self.name)]
    }

    fn assess_present(&self, world: &World<'_>) -> Assessment {
        let mut diff = Diff::default();
        let mut absent = 0;
        for file in [&self.timer, &self.service] {
            match file.compare(world) {
                Compared::Same => {}
                Compared::Absent(more) => {
                    absent += 1;
                    diff.0.extend(more.0);
                }
                Compared::Different(more) => diff.0.extend(more.0),
                Compared::Obstacle(words) => return Assessment::Refused(words),
            }
        }
        let [timer, service] = self.units();
        let state = world.unit(&timer);
        for (name, now, wanted) in [
            ("enabled", &state.file, "enabled"),
            ("active", &state.active, "active"),
        ] {
            if now != wanted {
                let now = Some(now.as_str()).filter(|now| !now.is_empty());
                diff = diff.attribute(&format!("{timer} {name}"), now, Some(wanted));
            }
        }
        if absent == 0 && (state.needs_daemon_reload || world.unit(&service).needs_daemon_reload) {
            diff = diff.note("systemd has not read the unit files since they changed");
        }
        match (absent, diff.is_empty()) {
            (2, _) => Assessment::Create(diff),
            (_, false) => Assessment::Change(diff),
            (_, true) => Assessment::Converged,
        }
    }

    fn assess_gone(&self, world: &World<'_>) -> Assessment {
        let mut gone = Diff::default();
        for file in [&self.timer, &self.service] {
            match assess_absent(file, world) {
                Assessment::Remove(diff) => gone.0.extend(diff.0),
                Assessment::Converged => {}
                other => return other,
            }
        }
        if gone.is_empty() {
            Assessment::Converged
        } else {
            Assessment::Remove(gone)
        }
    }
}

impl Step for Timer {
    fn summary(&self) -> String {
        match self.state {
            State::Present => format!("{}.timer, {}", self.name, self.on_calendar),
            State::Absent => format!("no {}.timer", self.name),
        }
    }

    fn probes(&self) -> Vec<Probe> {
        let units = self.units().map(Probe::Unit);
        [self.timer.probe(), self.service.probe()]
            .into_iter()
            .chain(units)
            .collect()
    }

    fn assess(&self, world: &World<'_>) -> Assessment {
        match self.state {
            State::Present => self.assess_present(world),
            State::Absent => self.assess_gone(world),
        }
    }

    fn fix(&self, _world: &World<'_>) -> Fix {
        let [timer, service] = self.units();
        if self.state == State::Absent {
            let paths = [self.timer.path.as_str(), self.service.path.as_str()];
            let script = Script::new()
                .command(["systemctl", "disable", "--now", "--quiet", &timer])
                // What it started last may still run.
                .command(["systemctl", "stop", &service])
                .then(&remove(paths))
                .command(["systemctl", "daemon-reload"]);
            return Fix::Script(script);
        }
        let mut files = [self.service.replacement(), self.timer.replacement()];
        let calendar = quote(&self.on_calendar).replace('%', "%%");
        files[1].validate = Some(format!("systemd-analyze calendar -- {calendar} >/dev/null"));
        // `restart`, because a timer that runs keeps its old times; `reset-failed`, because systemd refuses the sixth
        // start in ten seconds, and a timer that failed for that stays down.
        let script = first(&replace::script(&files, None, &[], "-"))
            .code("systemctl daemon-reload && systemctl enable --quiet")
            .word(&timer)
            .code(" || exit 1\nsystemctl reset-failed")
            .word(&timer)
            .code(" 2>/dev/null\nsystemctl restart")
            .word(&timer)
            .code("\n");
        Fix::Script(script)
    }

    fn provides(&self) -> Vec<Resource> {
        if self.state == State::Absent {
            return Vec::new();
        }
        let paths = [&self.timer, &self.service].map(|file| Resource::Path(file.path.to_string()));
        paths
            .into_iter()
            .chain(self.units().map(Resource::Unit))
            .collect()
    }

    fn requires(&self) -> Vec<Resource> {
        match self.state {
            State::Present => vec![Resource::User(self.user.clone())],
            State::Absent => Vec::new(),
        }
    }

    fn taken_back(&self, terms: &Terms<'_>) -> Option<Box<dyn Step>> {
        let absent = || Self {
            name: self.name.clone(),
            on_calendar: self.on_calendar.clone(),
            user: self.user.clone(),
            timer: self.timer.clone(),
            service: self.service.clone(),
            state: State::Absent,
        };
        let goes = self.state == State::Present && !terms.kept.has_path(self.timer.path.as_str());
        goes.then(|| Box::new(absent()) as Box<dyn Step>)
    }

    fn digest(&self) -> String {
        let state = format!("{:?}", self.state);
        let (timer, service) = (self.timer.digest(), self.service.digest());
        digest([&state, &timer, &service].map(|part| part.as_bytes()))
    }

    fn rendered(&self) -> Option<Rendered<'_>> {
        (self.state == State::Present).then(|| self.timer.rendered())
    }

    fn files(&self) -> Vec<Rendered<'_>> {
        match self.state {
            State::Present => vec![self.service.rendered(), self.timer.rendered()],
            State::Absent => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::promised::testing::{Host, refused, step};
    use super::*;
    use crate::step::probe::UnitState;
    use serde_json::json;

    fn purge(state: &str) -> Box<dyn Step> {
        let command = "echo \"$HOME\" 100% \\n";
        step(
            &KIND,
            json!({"name": "purge", "on_calendar": "daily", "command": command, "user": "vmail", "state": state}),
        )
    }

    fn host(active: &str, reload: bool) -> Host {
        let timer = format!(
            "{HEADER}[Unit]\nDescription=purge, kept by mailprov\n\n[Timer]\nOnCalendar=daily\nPersistent=true\n\n\
             [Install]\nWantedBy=timers.target\n"
        );
        let service = format!(
            "{HEADER}[Unit]\nDescription=purge, kept by mailprov\n\n[Service]\nType=oneshot\nUser=vmail\n\
             ExecStart=/bin/sh -c \"echo \\\"$$HOME\\\" 100%% \\\\n\"\n"
        );
        let mut host = Host::default()
            .file("/etc/systemd/system/purge.timer", &timer, "0644")
            .file("/etc/systemd/system/purge.service", &service, "0644");
        let unit = UnitState {
            active: active.into(),
            file: "enabled".into(),
            needs_daemon_reload: reload,
            ..UnitState::default()
        };
        host.observed.units.insert("purge.timer".into(), unit);
        host
    }

    #[test]
    fn files_and_the_running_timer_are_one_promise() {
        let step = purge("present");
        assert!(matches!(Host::default().assess(&*step), Assessment::Create(_)));
        assert_eq!(host("active", false).assess(&*step), Assessment::Converged);
        assert!(matches!(
            host("inactive", false).assess(&*step),
            Assessment::Change(_)
        ));
        assert!(matches!(
            host("active", true).assess(&*step),
            Assessment::Change(_)
        ));
        let drifted = host("active", false).file("/etc/systemd/system/purge.service", "x", "0644");
        assert!(matches!(drifted.assess(&*step), Assessment::Change(_)));
        let script = host("inactive", false).script(&*step);
        assert!(script.contains("systemctl enable --quiet purge.timer"));
        assert!(script.ends_with("systemctl restart purge.timer\n"));
    }

    #[test]
    fn only_units_of_ours_go() {
        let step = purge("absent");
        assert_eq!(Host::default().assess(&*step), Assessment::Converged);
        assert!(matches!(
            host("active", false).assess(&*step),
            Assessment::Remove(_)
        ));
        let foreign = host("active", false).file("/etc/systemd/system/purge.service", "x", "0644");
        assert!(matches!(foreign.assess(&*step), Assessment::Refused(_)));
    }

    #[test]
    fn mistakes_are_refused() {
        let with = |key: &str, value: &str| {
            let mut timer = json!({"name": "a", "on_calendar": "daily", "command": "true"});
            timer[key] = value.into();
            refused(&KIND, timer)
        };
        assert!(with("name", "a b").contains("no name of a unit"));
        assert!(with("name", "../a").contains("no name of a unit"));
        assert!(with("command", "a\nb").contains("one line"));
        assert!(with("description", "").contains("one line"));
    }
}
