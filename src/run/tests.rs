use std::cell::RefCell;

use super::toy::{Needing as _, Toy, ToyHost, step};
use super::*;
use crate::host::{PackageVersion, ReadHost as _};
use crate::role::NeedOn;
use crate::step::Resource;

/// Writes down what it is told.
#[derive(Default)]
struct Log(RefCell<Vec<String>>);

impl Witness for Log {
    fn begins(&self, host: &str, steps: &[&BoundStep]) {
        let names: Vec<_> = steps.iter().map(|step| step.id.to_string()).collect();
        self.0.borrow_mut().push(format!("{host}: {}", names.join(" ")));
    }

    fn says(&self, _: &str, _: &BoundStep, _: &str) {}

    fn ended(&self, _: &BoundStep, _: &Outcome) {}
}

struct Trial {
    hosts: Vec<Vec<BoundStep>>,
    machines: BTreeMap<&'static str, ToyHost>,
    announced_only: bool,
    packages: Vec<String>,
    halt: watch::Sender<Halt>,
    jobs: usize,
}

struct Result_ {
    /// `a r/one`: in words how it ended.
    ended: Vec<String>,
    waves: Vec<String>,
    machines: BTreeMap<Arc<str>, ToyHost>,
    lost: Vec<Arc<str>>,
    interrupted: bool,
}

impl Trial {
    fn new(hosts: Vec<Vec<BoundStep>>) -> Self {
        let names: Vec<&'static str> = vec!["a", "b"];
        Self {
            machines: names
                .into_iter()
                .take(hosts.len())
                .map(|name| (name, ToyHost::default()))
                .collect(),
            hosts,
            announced_only: false,
            packages: Vec::new(),
            halt: watch::channel(Halt::Go).0,
            jobs: 8,
        }
    }

    fn host(&mut self, change: impl FnOnce(&mut ToyHost)) -> &mut Self {
        change(self.machines.get_mut("a").unwrap());
        self
    }

    async fn run(self) -> Result_ {
        self.run_rebinding(&|_, _| panic!("no reason to rebind")).await
    }

    async fn run_rebinding(self, rebind: &Rebind<'_>) -> Result_ {
        self.run_after(rebind, |_| {}).await
    }

    /// `meanwhile` changes hosts between the plan and the run.
    async fn run_after(
        mut self,
        rebind: &Rebind<'_>,
        meanwhile: impl FnOnce(&mut BTreeMap<&'static str, ToyHost>),
    ) -> Result_ {
        let graph = StepGraph::build(std::mem::take(&mut self.hosts)).unwrap();
        let mut seen = BTreeMap::new();
        for (name, machine) in &mut self.machines {
            let facts = machine.facts(&self.packages, Some("test")).await.unwrap();
            let observed = crate::plan::observe(&graph, name, &|_| true, machine)
                .await
                .unwrap();
            seen.insert(Arc::from(*name), Seen { facts, observed });
        }
        let plan = crate::plan::make(&graph, &seen, &|_| true);
        meanwhile(&mut self.machines);
        let options = Options {
            jobs: self.jobs,
            announced_only: self.announced_only,
            name: "test".into(),
            packages: seen
                .keys()
                .map(|name| (name.clone(), self.packages.clone()))
                .collect(),
            composer: Composer {
                packages: toy::transaction,
                replace: toy::replace,
            },
        };
        let log = Log::default();
        let ended = {
            let run = Run {
                graph: &graph,
                plan: &plan,
                options: &options,
                rebind,
                witness: &log,
                halt: self.halt.subscribe(),
                wanted: &|_| true,
                last_look: &|_, _| Vec::new(),
                record: &|host| Some(format!("record of {host}")),
            };
            let participants = self
                .machines
                .iter_mut()
                .map(|(name, connection)| Participant {
                    name: Arc::from(*name),
                    seen: seen.remove(*name).unwrap(),
                    connection,
                })
                .collect();
            super::run(&run, participants).await
        };
        Result_ {
            ended: ended
                .outcomes
                .iter()
                .map(|(index, outcome)| {
                    let id = &graph.step(*index).id;
                    let words = match outcome {
                        Outcome::Converged => "converged".to_owned(),
                        Outcome::Done { was, .. } => match was {
                            Planned::Create(_) => "created".to_owned(),
                            Planned::Owed(_) => "restarted".to_owned(),
                            _ => "changed".to_owned(),
                        },
                        Outcome::Failed { message, .. } => format!("failed: {message}"),
                        Outcome::Waiting { message, .. } => format!("waits: {message}"),
                        Outcome::Lost(why) => format!("lost: {why}"),
                        Outcome::Skipped(why) => format!("skipped: {why}"),
                        Outcome::Owed(why) => format!("owed: {why}"),
                    };
                    format!("{}: {id} {words}", id.host)
                })
                .collect(),
            waves: log.0.into_inner(),
            machines: self
                .machines
                .into_iter()
                .map(|(name, machine)| (name.into(), machine))
                .collect(),
            lost: ended.lost.into_keys().collect(),
            interrupted: ended.interrupted,
        }
    }
}

#[tokio::test]
async fn a_check_does_not_go_over_what_other_roles_promise() {
    let mut conf = Toy::new("/etc/x/conf", "v1");
    conf.replace = true;
    let mut host_name = Toy::new("/etc/hostname", "mx");
    host_name.replace = true;
    let result = Trial::new(vec![vec![
        step("a", "base/hostname", host_name),
        step("a", "r/conf", conf).needs(NeedOn::Role { role: "base".into() }),
        step(
            "a",
            "r/service",
            Toy::service("x.service", &["conf", "base/hostname"], Some("x -t")),
        ),
    ]])
    .run()
    .await;
    assert_eq!(
        result.machines["a"].batches[..2],
        [
            vec!["forget x.service restart\nset /etc/hostname mx"],
            vec!["forget x.service restart\ncheck 'x -t'\nset /etc/x/conf v1"],
        ]
    );
}

fn whole() -> Vec<BoundStep> {
    let mut conf = Toy::new("/etc/x/conf", "v1").requires(Resource::Path("/etc/x/conf".into()));
    conf.replace = true;
    let mut map = Toy::new("/etc/x/map", "m1").requires(Resource::Path("/etc/x/map".into()));
    map.replace = true;
    vec![
        step(
            "a",
            "r/package",
            Toy::package("x").provides(Resource::Path("/etc/x".into())),
        ),
        step("a", "r/conf", conf),
        step("a", "r/map", map),
        step(
            "a",
            "r/service",
            Toy::service("x.service", &["conf", "map"], Some("x -t")),
        ),
        step("a", "s/package", Toy::package("y")),
        step("a", "s/zone", Toy::new("/etc/zone", "utc")),
    ]
}

#[tokio::test]
async fn a_fresh_host_is_done_in_waves() {
    let result = Trial::new(vec![whole()]).run().await;
    assert_eq!(
        result.waves,
        [
            "a: s/zone",
            "a: r/package s/package",
            "a: r/conf r/map",
            "a: r/service"
        ]
    );
    let host = &result.machines["a"];
    assert_eq!(
        host.batches,
        [
            vec!["set /etc/zone utc"],
            vec!["set x installed\nset y installed"],
            vec!["forget x.service restart\ncheck 'x -t'\nset /etc/x/conf v1\nset /etc/x/map m1"],
            vec!["set x.service running+v1+m1"],
        ]
    );
    assert!(
        result.ended.iter().all(|line| line.ends_with("created")),
        "{:?}",
        result.ended
    );
    assert_eq!(host.record.as_deref(), Some("record of a"));
    assert!(!result.interrupted);
}

#[tokio::test]
async fn a_converged_host_costs_facts_and_probes_only() {
    let mut trial = Trial::new(vec![whole()]);
    trial.host(|host| {
        for (key, value) in [
            ("x", "installed"),
            ("y", "installed"),
            ("/etc/zone", "utc"),
            ("/etc/x/conf", "v1"),
            ("/etc/x/map", "m1"),
            ("x.service", "running+v1+m1"),
        ] {
            host.keys.insert(key.into(), value.into());
        }
    });
    let result = trial.run().await;
    assert!(
        result.ended.iter().all(|line| line.ends_with("converged")),
        "{:?}",
        result.ended
    );
    assert_eq!(result.machines["a"].round_trips, 2);
}

#[tokio::test]
async fn a_failed_step_stops_only_what_needs_it() {
    let mut trial = Trial::new(vec![vec![
        step("a", "r/bad", Toy::new("bad", "1")),
        step("a", "r/after", Toy::new("after", "1")).after("bad"),
        step("a", "r/later", Toy::new("later", "1")).after("after"),
        step("a", "r/converged", Toy::new("ok", "1")).after("bad"),
        step("a", "r/other", Toy::new("other", "1")),
    ]]);
    trial.host(|host| {
        host.failing.insert("bad".into());
        host.keys.insert("ok".into(), "1".into());
    });
    assert_eq!(
        trial.run().await.ended,
        [
            "a: r/bad failed: exit status 1: cannot set bad",
            "a: r/after skipped: it waits for r/bad, which was not done",
            "a: r/later skipped: it waits for r/after, which was not done",
            "a: r/converged converged",
            "a: r/other created",
        ]
    );
}

#[tokio::test]
async fn what_is_not_in_the_hosts_power_is_waited_for() {
    let waiting = Toy {
        may_wait: true,
        ..Toy::new("name", "1")
    };
    let mut trial = Trial::new(vec![vec![
        step("a", "r/asks", waiting),
        step("a", "r/other", Toy::new("other", "1")),
    ]]);
    trial.host(|host| {
        host.failing.insert("name".into());
    });
    assert_eq!(
        trial.run().await.ended,
        ["a: r/asks waits: cannot set name", "a: r/other created"]
    );
}

#[tokio::test]
async fn a_fix_that_does_not_help_is_a_failure() {
    let mut trial = Trial::new(vec![vec![step("a", "r/stuck", Toy::new("stuck", "1"))]]);
    trial.host(|host| {
        host.stuck.insert("stuck".into());
    });
    assert_eq!(
        trial.run().await.ended,
        ["a: r/stuck failed: its fix ended well, but it still differs: stuck is unset, not 1"]
    );
}

#[tokio::test]
async fn in_a_failed_transaction_what_was_installed_counts() {
    let mut trial = Trial::new(vec![vec![
        step("a", "r/one", Toy::package("one")),
        step("a", "r/two", Toy::package("two")),
    ]]);
    trial.host(|host| {
        host.failing.insert("two".into());
    });
    assert_eq!(
        trial.run().await.ended,
        [
            "a: r/one created",
            "a: r/two failed: exit status 1: cannot set two"
        ]
    );
}

#[tokio::test]
async fn a_service_whose_configuration_failed_owes_nothing_it_was_not_given() {
    let mut trial = Trial::new(vec![whole()]);
    trial.host(|host| {
        host.failing.insert("/etc/x/map".into());
    });
    let result = trial.run().await;
    assert_eq!(
        result.ended[1..4],
        [
            "a: r/conf created",
            "a: r/map failed: exit status 1: cannot set /etc/x/map",
            "a: r/service owed: it waits for r/map, which was not done",
        ]
    );
}

#[tokio::test]
async fn hosts_wait_for_each_other_whatever_the_number_of_jobs() {
    for jobs in [1, 8] {
        let on = |host: &str| NeedOn::RoleOnHost {
            role: "r".into(),
            host: host.into(),
        };
        let mut trial = Trial::new(vec![
            vec![
                step("a", "r/first", Toy::new("first", "1")),
                step("a", "s/third", Toy::new("third", "1")).needs(on("b")),
            ],
            vec![step("b", "r/second", Toy::new("second", "1")).needs(on("a"))],
        ]);
        trial.jobs = jobs;
        let result = trial.run().await;
        assert_eq!(result.waves, ["a: r/first", "b: r/second", "a: s/third"]);
    }
}

#[tokio::test]
async fn what_fails_on_one_host_is_skipped_on_the_other() {
    let mut trial = Trial::new(vec![
        vec![step("a", "r/bad", Toy::new("bad", "1"))],
        vec![
            step("b", "r/waits", Toy::new("waits", "1")).needs(NeedOn::RoleOnHost {
                role: "r".into(),
                host: "a".into(),
            }),
            step("b", "r/free", Toy::new("free", "1")),
        ],
    ]);
    trial.host(|host| {
        host.failing.insert("bad".into());
    });
    assert_eq!(
        trial.run().await.ended[1..],
        [
            "b: r/waits skipped: it waits for r/bad, which was not done",
            "b: r/free created"
        ]
    );
}

#[tokio::test]
async fn a_lost_connection_leaves_what_was_in_hand_unknown() {
    let mut trial = Trial::new(vec![whole(), vec![step("b", "r/one", Toy::new("one", "1"))]]);
    trial.host(|host| host.breaks_in = Some(2));
    let result = trial.run().await;
    assert_eq!(
        result.ended,
        [
            "a: r/package created",
            "a: r/conf lost: the connection broke",
            "a: r/map lost: the connection broke",
            "a: r/service skipped: the connection was lost before it",
            "a: s/package created",
            "a: s/zone created",
            "b: r/one created",
        ]
    );
    assert_eq!(result.lost, ["a".into()]);
}

#[tokio::test]
async fn an_interrupted_run_finishes_its_wave_and_says_what_is_owed() {
    let mut trial = Trial::new(vec![whole()]);
    let halt = trial.halt.clone();
    trial.host(|host| {
        host.on_batch = Some(Arc::new(move |number| {
            if number == 2 {
                halt.send_replace(Halt::Finish);
            }
        }));
    });
    let result = trial.run().await;
    assert_eq!(
        result.ended[1..4],
        [
            "a: r/conf created",
            "a: r/map created",
            "a: r/service owed: the run was interrupted before it",
        ]
    );
    assert!(result.interrupted);
    assert_eq!(result.machines["a"].record.as_deref(), Some("record of a"));
}

#[tokio::test]
async fn an_interruption_that_comes_too_late_is_none() {
    let mut trial = Trial::new(vec![vec![step("a", "r/one", Toy::new("one", "1"))]]);
    let halt = trial.halt.clone();
    trial.host(|host| {
        host.on_batch = Some(Arc::new(move |_| {
            halt.send_replace(Halt::Finish);
        }));
    });
    let result = trial.run().await;
    assert_eq!(result.ended, ["a: r/one created"]);
    assert!(!result.interrupted);
}

#[tokio::test]
async fn only_what_was_agreed_to_is_done() {
    let mut trial = Trial::new(vec![vec![
        step("a", "r/one", Toy::new("one", "1")),
        step("a", "r/two", Toy::new("two", "1")),
    ]]);
    trial.announced_only = true;
    trial.host(|host| {
        host.keys.insert("two".into(), "1".into());
    });
    let halt = trial.halt.clone();
    drop(halt);
    // Somebody changes the second file between the plan and the run: the first wave's look finds out.
    let result = trial
        .run_after(&|_, _| panic!("no reason to rebind"), |machines| {
            machines
                .get_mut("a")
                .unwrap()
                .keys
                .insert("two".into(), "9".into());
        })
        .await;
    // It was converged when it was looked at: nothing is done to it either way.
    assert_eq!(result.ended, ["a: r/one created", "a: r/two converged"]);
    assert_eq!(result.machines["a"].keys["two"], "9");
}

#[tokio::test]
async fn a_step_that_drifts_during_the_run_is_not_touched_without_agreement() {
    let steps = || {
        vec![vec![
            step("a", "r/one", Toy::new("one", "1")),
            step("a", "r/two", Toy::new("two", "1")).after("one"),
        ]]
    };
    for (announced_only, ended) in [
        (
            true,
            "a: r/two skipped: it was not in the plan that was agreed to",
        ),
        (false, "a: r/two changed"),
    ] {
        let mut trial = Trial::new(steps());
        trial.announced_only = announced_only;
        trial.host(|host| {
            host.keys.insert("two".into(), "1".into());
        });
        let result = trial
            .run_after(&|_, _| panic!("no reason to rebind"), |machines| {
                machines
                    .get_mut("a")
                    .unwrap()
                    .keys
                    .insert("two".into(), "9".into());
            })
            .await;
        assert_eq!(result.ended[1], ended);
    }
}

#[tokio::test]
async fn the_versions_that_were_installed_decide() {
    let version = |version: PackageVersion| {
        let mut facts = Facts::default();
        facts.packages.insert("x".into(), version);
        facts
    };
    let steps = |version: &str| {
        let mut steps = vec![
            step("a", "r/package", Toy::package("x")),
            step("a", "r/conf", Toy::new("conf", version)).after("package"),
        ];
        if version == "2.3" {
            steps.push(step("a", "r/old", Toy::new("old", "1")).after("package"));
        }
        steps.push(step("a", "r/service", Toy::service("x.service", &["conf"], None)));
        steps
    };
    let mut trial = Trial::new(vec![steps("2.3")]);
    trial.packages = vec!["x".into()];
    trial.host(|host| {
        host.facts = version(PackageVersion::Release("2.3".into()));
        host.later_facts = Some(version(PackageVersion::Installed("2.4".into())));
    });
    let result = trial
        .run_rebinding(&|_, facts| Ok(steps(facts.packages["x"].version())))
        .await;
    assert_eq!(
        result.ended,
        [
            "a: r/package created",
            "a: r/conf created",
            "a: r/old skipped: the installed versions have no such step",
            "a: r/service created",
        ]
    );
    assert_eq!(result.machines["a"].keys["conf"], "2.4");
    assert_eq!(result.machines["a"].keys["x.service"], "running+2.4");
}

#[tokio::test]
async fn what_cuts_us_off_is_undone() {
    let steps = || {
        let guarded = Toy {
            guarded: Some("old".into()),
            ..Toy::service("firewall", &[], None)
        };
        vec![
            step("a", "r/firewall", guarded),
            step("a", "r/other", Toy::service("other", &[], None)),
        ]
    };
    let result = Trial::new(vec![steps()]).run().await;
    assert_eq!(result.waves, ["a: r/other", "a: r/firewall"], "nothing beside it");
    assert_eq!(result.ended, ["a: r/firewall created", "a: r/other created"]);
    assert_eq!(result.machines["a"].keys["kept"], "yes");

    let mut trial = Trial::new(vec![steps()]);
    trial.host(|host| host.closed = true);
    let result = trial.run().await;
    assert!(
        result.ended[0].contains("nobody lets us in\nthe change was undone"),
        "{:?}",
        result.ended
    );
    assert_eq!(result.machines["a"].keys["firewall"], "old");
    assert!(!result.machines["a"].keys.contains_key("kept"));

    // The old connection is gone as well: the host is on its own.
    let mut trial = Trial::new(vec![steps()]);
    trial.host(|host| {
        host.closed = true;
        host.breaks_in = Some(2);
    });
    let result = trial.run().await;
    assert!(
        result.ended[0].contains("the host undoes the change by itself within 60 s"),
        "{:?}",
        result.ended
    );
}
