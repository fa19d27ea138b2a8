//! `--timings`: where the time of a run went. Listens like a reporter does; knows nothing of what steps do.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

use crate::graph::StepGraph;
use crate::report::Reporter;
use crate::role::{BoundStep, StepId};
use crate::run::{Outcome, Witness};

/// Passes on what happens, and keeps when it happened.
pub struct Stopwatch<'a> {
    inner: &'a dyn Witness,
    began: Instant,
    waves: RefCell<Vec<Wave>>,
}

/// What one request to a host was about.
struct Wave {
    host: Arc<str>,
    /// Seconds since the run began.
    from: f64,
    to: f64,
    steps: Vec<Timed>,
}

struct Timed {
    id: StepId,
    /// On the host, without the way there and back; of the whole fragment, if several steps share one.
    seconds: f64,
}

impl<'a> Stopwatch<'a> {
    pub fn new(inner: &'a dyn Witness) -> Self {
        Self {
            inner,
            began: Instant::now(),
            waves: RefCell::default(),
        }
    }

    fn now(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Every wave and step, the critical path, and what went on at the same time.
    pub fn tell(&self, reporter: &Reporter, graph: &StepGraph) {
        let whole = self.now();
        let waves = self.waves.borrow();
        reporter.timing(None, "run", whole);
        for (number, wave) in waves.iter().enumerate() {
            let name = format!(
                "wave {}, from {:.3} s: {} steps",
                number + 1,
                wave.from,
                wave.steps.len()
            );
            reporter.timing(Some(&wave.host), &name, wave.to - wave.from);
            for step in &wave.steps {
                reporter.timing(Some(&wave.host), &format!("  step {}", step.id), step.seconds);
            }
        }
        let path = critical(&waves, graph);
        if path.is_empty() {
            return;
        }
        let took: f64 = path.iter().map(|at| waves[*at].to - waves[*at].from).sum();
        let names: Vec<String> = path
            .iter()
            .filter_map(|at| slowest(&waves[*at]))
            .map(|step| format!("{} {} ({:.1} s)", step.id.host, step.id, step.seconds))
            .collect();
        let busy: f64 = waves.iter().map(|wave| wave.to - wave.from).sum();
        reporter.note(
            None,
            &format!(
                "critical path, {took:.3} s of {whole:.3} s, the longest step of each wave: {}",
                names.join(" → ")
            ),
        );
        reporter.note(
            None,
            &format!("overlapped: {busy:.3} s of waves in {:.3} s", union(&waves)),
        );
    }
}

impl Witness for Stopwatch<'_> {
    fn begins(&self, host: &str, steps: &[&BoundStep]) {
        let now = self.now();
        self.waves.borrow_mut().push(Wave {
            host: host.into(),
            from: now,
            to: now,
            steps: Vec::new(),
        });
        self.inner.begins(host, steps);
    }

    fn says(&self, host: &str, step: &BoundStep, text: &str) {
        self.inner.says(host, step, text);
    }

    fn ended(&self, step: &BoundStep, outcome: &Outcome) {
        if let Outcome::Done { seconds, .. }
        | Outcome::Failed { seconds, .. }
        | Outcome::Waiting { seconds, .. } = outcome
        {
            let now = self.now();
            let mut waves = self.waves.borrow_mut();
            if let Some(wave) = waves.iter_mut().rev().find(|wave| wave.host == step.id.host) {
                wave.to = now;
                wave.steps.push(Timed {
                    id: step.id.clone(),
                    seconds: *seconds,
                });
            }
        }
        self.inner.ended(step, outcome);
    }
}

fn slowest(wave: &Wave) -> Option<&Timed> {
    wave.steps.iter().max_by(|a, b| a.seconds.total_cmp(&b.seconds))
}

/// The waves that the end of the run waited for, first to last: each was begun when the one before it had ended,
/// on its own host or on one that a step of it needs.
fn critical(waves: &[Wave], graph: &StepGraph) -> Vec<usize> {
    let mut path = Vec::new();
    let mut at = (0..waves.len()).max_by(|a, b| waves[*a].to.total_cmp(&waves[*b].to));
    while let Some(current) = at {
        path.push(current);
        let wave = &waves[current];
        let needed: Vec<&StepId> = wave
            .steps
            .iter()
            .filter_map(|step| graph.find(&step.id))
            .flat_map(|index| graph.needs(index))
            .map(|(need, _)| &graph.step(need).id)
            .collect();
        at = (0..current)
            .filter(|other| {
                let other = &waves[*other];
                other.to <= wave.from
                    && (other.host == wave.host || other.steps.iter().any(|step| needed.contains(&&step.id)))
            })
            .max_by(|a, b| waves[*a].to.total_cmp(&waves[*b].to));
    }
    path.reverse();
    path
}

/// Seconds in which at least one wave was in hand. They are in the order of their begin.
fn union(waves: &[Wave]) -> f64 {
    let mut end = 0.0_f64;
    let mut covered = 0.0;
    for wave in waves {
        covered += (wave.to - wave.from.max(end)).max(0.0);
        end = end.max(wave.to);
    }
    covered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(host: &str, from: f64, to: f64) -> Wave {
        Wave {
            host: host.into(),
            from,
            to,
            steps: Vec::new(),
        }
    }

    #[test]
    fn what_goes_on_at_the_same_time_counts_once() {
        let waves = [
            wave("a", 0.0, 2.0),
            wave("b", 1.0, 4.0),
            wave("a", 2.0, 3.0),
            wave("b", 6.0, 7.0),
        ];
        assert_eq!(union(&waves), 5.0);
    }

    #[test]
    fn the_critical_path_goes_back_over_what_was_waited_for() {
        let graph = StepGraph::build(Vec::new()).unwrap();
        let waves = [
            wave("a", 0.0, 2.0),
            wave("b", 0.0, 5.0),
            wave("a", 2.0, 3.0),
            wave("b", 5.0, 6.0),
        ];
        assert_eq!(critical(&waves, &graph), [1, 3]);
    }
}
