//! The parameters of a service.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::diagnostic::Diagnostics;
use crate::step::kind::{Params, read, refuse};
use crate::step::probe::Engine;
use crate::step::{Step, Watches};

/// A systemd unit.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// With its suffix: `postfix.service`.
    pub unit: String,
    #[serde(default)]
    pub state: State,
    /// Whether it starts when the host does.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Masked units can't be started by anybody.
    #[serde(default)]
    pub masked: bool,
    /// Steps that it must be restarted or reloaded after.
    #[serde(default, rename = "watches")]
    watch: Watch,
    /// The program's own checker, run where it sees all changed files of the service in place, before they are.
    check: Option<String>,
    /// Files in `/etc/systemd/system/UNIT.d/`, by name. Others there are left alone.
    #[serde(default)]
    pub drop_ins: IndexMap<String, String>,
    /// The engine, when this is a database server.
    pub database: Option<Engine>,
    /// Seconds after which the host puts back what the service ran with before, unless a new connection to the host
    /// succeeded since: for what may cut us off.
    pub undo_after: Option<u64>,
    #[serde(skip)]
    pub watches: Watches,
}

/// Seconds that can be waited for a new connection.
const UNDO_AFTER: std::ops::RangeInclusive<u64> = 20..=3600;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    #[default]
    Running,
    Stopped,
}

/// Steps by their ids: `main-cf`, `postfix/main-cf`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Watch {
    /// A change of these is noticed only by a new start.
    #[serde(default)]
    restart: Vec<String>,
    /// A change of these is noticed by a reload.
    #[serde(default)]
    reload: Vec<String>,
}

fn yes() -> bool {
    true
}

impl Service {
    pub fn drop_in_path(&self, name: &str) -> String {
        format!("/etc/systemd/system/{}.d/{name}", self.unit)
    }
}

pub fn parse(params: &Params<'_>) -> Result<Box<dyn Step>, Diagnostics> {
    let mut service: Service = read(params)?;
    let mut wrong = Diagnostics::default();
    if !is_unit(&service.unit) {
        wrong.push(
            refuse(
                params,
                &["unit"],
                format!("expected the name of a systemd unit, found `{}`", service.unit),
            )
            .help("with its suffix and, for a template, its instance: `nginx.service`, `getty@tty1.service`"),
        );
    }
    for name in service.drop_ins.keys() {
        if !name.ends_with(".conf") || name.starts_with('.') || name.contains(['/', '\n']) {
            wrong.push(refuse(
                params,
                &["drop_ins", name],
                format!("systemd reads only drop-ins whose name ends in `.conf`, found `{name}`"),
            ));
        }
    }
    if let Some(seconds) = service.undo_after
        && !UNDO_AFTER.contains(&seconds)
    {
        wrong.push(
            refuse(
                params,
                &["undo_after"],
                format!(
                    "expected {} to {} seconds, found {seconds}",
                    UNDO_AFTER.start(),
                    UNDO_AFTER.end()
                ),
            )
            .help("a new connection has to be made within them"),
        );
    }
    if service.masked && (service.state == State::Running || service.enabled) {
        wrong.push(
            refuse(
                params,
                &["masked"],
                "a masked unit can neither run nor be enabled",
            )
            .help("add `state: stopped` and `enabled: false`"),
        );
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let watch = std::mem::take(&mut service.watch);
    service.watches = Watches {
        restart: watch.restart,
        reload: watch.reload,
        check: service.check.take(),
        unit: service.unit.clone(),
    };
    Ok(Box::new(service))
}

/// systemd.unit(5): ASCII letters, digits, `:-_.\` and `@`, and a known suffix.
fn is_unit(name: &str) -> bool {
    let Some((prefix, suffix)) = name.rsplit_once('.') else {
        return false;
    };
    let known = ["service", "socket", "timer", "path", "mount", "target", "slice"];
    known.contains(&suffix)
        && !prefix.is_empty()
        && !prefix.ends_with('@')
        && !prefix.starts_with('-')
        && name.len() < 256
        && prefix
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c))
}
