use std::cell::RefCell;
use std::rc::Rc;

use super::json::Json;
use super::lines::{Plain, Taste};
use super::*;
use crate::run::Skipped;
use crate::run::toy::{Toy, step};
use crate::secret::Secret;
use crate::step::{Diff, Difference};

/// A writer whose text the test keeps.
#[derive(Clone, Default)]
struct Page(Rc<RefCell<Vec<u8>>>);

impl std::io::Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Page {
    fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).unwrap()
    }
}

/// A run of two hosts, one of which breaks.
fn tell(reporter: &Reporter, graph: &StepGraph) {
    reporter.begin("20260102T030405Z-1", "inventory.yaml");
    reporter.doing("mx1", "connecting");
    reporter.columns(graph);
    let file = Difference::Content {
        path: "/etc/x".into(),
        before: Some("a\npassword = old\n".into()),
        after: Some("a\npassword = hunter22\n".into()),
        private: false,
    };
    let outcomes = [
        Outcome::Converged,
        Outcome::Done {
            was: Planned::Change(Diff(vec![file]).attribute("mode", Some("0644"), Some("0640"))),
            seconds: 1.25,
        },
        Outcome::Failed {
            message: "exit status 1: line one\nline two with hunter22".into(),
            was: Planned::Create(Diff::default()),
            seconds: 0.5,
        },
        Outcome::Owed(Skipped::Need(graph.step(2).id.clone())),
        Outcome::Lost("the connection broke".into()),
        Outcome::Skipped(Skipped::ConnectionLost),
        Outcome::Skipped(Skipped::ConnectionLost),
    ];
    for (index, outcome) in outcomes.iter().enumerate() {
        let step = graph.step(index);
        reporter.begins(&step.id.host, &[step]);
        reporter.ended(step, outcome);
    }
    reporter.host_failed("backup", &HostError::Unreachable("the connection broke".into()));
}

fn graph() -> StepGraph {
    StepGraph::build(vec![
        vec![
            step("mx1", "base/hosts", Toy::new("/etc/hosts", "")),
            step("mx1", "postfix/main-cf", Toy::new("/etc/x", "")),
            step("mx1", "postfix/map", Toy::new("/etc/map", "")),
            step(
                "mx1",
                "postfix/service",
                Toy::service("postfix.service", &["map"], None),
            ),
        ],
        vec![
            step("backup", "base/hosts", Toy::new("/etc/hosts", "")),
            step("backup", "base/zone", Toy::new("/etc/zone", "")),
            step("backup", "base/motd", Toy::new("/etc/motd", "")),
        ],
    ])
    .unwrap()
}

fn reporter(mode: Mode, consumer: Box<dyn Consumer>) -> Reporter {
    let secret = Secret::new("hunter22");
    let redactor = Redactor::new([("db", &secret)]);
    let hosts = ["mx1", "backup"].map(str::to_owned);
    Reporter::new(mode, redactor, hosts, vec![consumer])
}

#[test]
fn plain_lines_are_calm_and_complete() {
    let page = Page::default();
    let taste = Taste {
        diff: true,
        ..Taste::default()
    };
    let reporter = reporter(
        Mode::Apply,
        Box::new(Plain::new(Mode::Apply, taste, page.clone())),
    );
    tell(&reporter, &graph());
    assert_eq!(reporter.finish(false), Exit::StepFailed);
    assert_eq!(
        page.text(),
        "\
mx1     changed    postfix/main-cf  toy  /etc/x  1.2 s
      --- /etc/x
      +++ /etc/x
      @@ -1,2 +1,2 @@
       a
      -<hidden: a secret replaces it>
      +password = <secret db>
      mode: 0644 → 0640
mx1     failed     postfix/map      toy  /etc/map
      exit status 1: line one
      line two with <secret db>
mx1     owed       postfix/service  toy  postfix.service
      restart or reload: it waits for postfix/map, which was not done
backup  failed     base/hosts       toy  /etc/hosts
      how far it came is not known: the connection broke
backup  skipped    base/zone        toy  /etc/zone
      the connection was lost before it
backup  skipped    base/motd        toy  /etc/motd
      the connection was lost before it
backup  failed     the connection broke

Not done:
  mx1     failed   postfix/map: exit status 1: line one
  mx1     owed     postfix/service: restart or reload: it waits for postfix/map, which was not done
  backup  failed   base/hosts: how far it came is not known: the connection broke
  backup  skipped  base/zone and 1 more: the connection was lost before it

mx1     1 converged, 1 changed, 1 owed, 1 failed
backup  1 failed, 2 skipped
next: see to what failed and apply again: what is done is not done twice; `mailprov rollback` brings back files that were replaced
"
    );
}

/// Packages report every percent: a log has room for one line, and for how far it has come after a while.
#[test]
fn a_talkative_step_gets_a_line_now_and_then() {
    let page = Page::default();
    let plain = Plain::new(Mode::Apply, Taste::default(), page.clone());
    let reporter = reporter(Mode::Apply, Box::new(plain));
    let graph = graph();
    for percent in 1..40 {
        reporter.says("mx1", graph.step(0), &format!("Unpacking ({percent} %)"));
        reporter.says("mx1", graph.step(1), &format!("Removing ({percent} %)"));
    }
    let text = page.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(
        lines[0].ends_with("Unpacking (1 %)") && lines[1].ends_with("Removing (1 %)"),
        "{text}"
    );
}

#[test]
fn json_is_one_object_per_line_and_ends_with_the_summary() {
    let page = Page::default();
    let reporter = reporter(Mode::Apply, Box::new(Json(page.clone())));
    tell(&reporter, &graph());
    reporter.finish(false);
    let text = page.text();
    assert!(!text.contains("hunter22"), "{text}");
    let events: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let changed = events
        .iter()
        .find(|event| event["type"] == "step" && event["state"] == "changed")
        .unwrap();
    for field in ["host", "role", "step", "kind", "state", "diff", "seconds"] {
        assert!(!changed[field].is_null(), "{field}: {changed}");
    }
    assert_eq!(
        text.lines().last().unwrap(),
        r#"{"type":"summary","hosts":{"mx1":{"converged":1,"created":0,"changed":1,"removed":0,"owed":1,"unknown":0,"failed":1,"skipped":0,"waiting":0},"backup":{"converged":0,"created":0,"changed":0,"removed":0,"owed":0,"unknown":0,"failed":1,"skipped":2,"waiting":0}},"exit":5,"next":"see to what failed and apply again: what is done is not done twice; `mailprov rollback` brings back files that were replaced"}"#
    );
}

#[test]
fn a_plan_speaks_of_what_would_be_done() {
    let page = Page::default();
    let reporter = reporter(
        Mode::Check,
        Box::new(Plain::new(Mode::Check, Taste::default(), page.clone())),
    );
    let graph = graph();
    reporter.columns(&graph);
    reporter.planned(graph.step(0), &Planned::Create(Diff::default()));
    reporter.planned(graph.step(1), &Planned::Unknown("base/hosts".into()));
    reporter.planned(graph.step(3), &Planned::Owed("restart: /etc/x changes".into()));
    reporter.planned(graph.step(4), &Planned::Converged);
    assert_eq!(reporter.finish(false), Exit::Different);
    assert_eq!(
        page.text(),
        "\
mx1     create     base/hosts       toy  /etc/hosts
mx1     unknown    postfix/main-cf  toy  /etc/x
      until base/hosts
mx1     owed       postfix/service  toy  postfix.service
      restart: /etc/x changes

mx1     1 to create, 1 owed, 1 unknown
backup  1 converged
next: apply without --check to do this; what is unknown is decided on the way
"
    );
}

#[test]
fn the_record_names_what_changed_and_no_content() {
    let reporter = reporter(Mode::Apply, Box::new(Json(Page::default())));
    tell(&reporter, &graph());
    let record = reporter
        .record("mx1", "20260102T030405Z-1", "inventory.yaml")
        .unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    assert_eq!(record["converged"], 1);
    let states: Vec<_> = record["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| &step["state"])
        .collect();
    assert_eq!(states, ["changed", "failed", "owed"]);
    assert!(!record.to_string().contains("hunter22") && !record.to_string().contains("password"));
    assert_eq!(reporter.record("nobody", "r", "i"), None);
}

/// The committed schema is the one that the types have; `UPDATE=1` writes it anew.
#[test]
fn the_schema_of_events_is_committed() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/book/src/events.schema.json");
    let schema = serde_json::to_string_pretty(&event::schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &schema).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == schema,
        "book/src/events.schema.json is out of date: run this test with UPDATE=1"
    );
}

/// The reference of exit codes is a page of the book.
#[test]
fn the_page_on_exit_codes_has_them_all() {
    let page = include_str!("../../book/src/exit-codes.md");
    for exit in Exit::ALL {
        let row = format!("| {} | {} |", exit.code(), exit.meaning());
        assert!(page.contains(&row), "{row}");
    }
    let order: Vec<String> = verdict::PRECEDENCE
        .iter()
        .map(|exit| exit.code().to_string())
        .collect();
    assert!(page.contains(&format!("\n{}\n", order.join(", "))), "{order:?}");
}

#[test]
fn what_a_host_says_commands_no_terminal() {
    let said = "line\n\tone\u{1b}]0;owned\u{7}\r\u{9b}2Jü";
    assert_eq!(
        Text::new(&Redactor::default(), said).as_str(),
        "line\n\tone\\u{1b}]0;owned\\u{7}\\r\\u{9b}2Jü"
    );
}
