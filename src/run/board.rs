//! What the hosts of a run know of each other: how each step ended, in which order.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::Notify;

use super::{Outcome, Run, Skipped};
use crate::graph::StepGraph;
use crate::plan::Planned;
use crate::role::BoundStep;

/// All hosts of a run are driven by one task, so borrows never meet.
pub(super) struct Board {
    state: RefCell<State>,
    changed: Notify,
}

struct State {
    /// How a step ended, and the moment on the board's own clock.
    outcomes: BTreeMap<usize, (Outcome, u64)>,
    open: BTreeSet<usize>,
    in_hand: BTreeSet<usize>,
    left_out: BTreeSet<usize>,
    clock: u64,
}

impl Board {
    pub fn new(graph: &StepGraph) -> Self {
        Self {
            state: RefCell::new(State {
                outcomes: BTreeMap::new(),
                open: (0..graph.steps().len()).collect(),
                in_hand: BTreeSet::new(),
                left_out: BTreeSet::new(),
                clock: 0,
            }),
            changed: Notify::new(),
        }
    }

    /// Notes how a step ended and tells the witness. `step` is the step as it was done.
    pub fn end(&self, run: &Run<'_>, step: &BoundStep, index: usize, outcome: Outcome) {
        let outcome = match outcome {
            Outcome::Skipped(why) if self.owes(run, index) => Outcome::Owed(why),
            outcome => outcome,
        };
        run.witness.ended(step, &outcome);
        let mut state = self.state.borrow_mut();
        state.clock += 1;
        let now = state.clock;
        state.open.remove(&index);
        state.in_hand.remove(&index);
        state.outcomes.insert(index, (outcome, now));
        drop(state);
        self.changed.notify_waiters();
    }

    /// A step that nobody asked for: nothing is said of it, and nothing waits for it.
    pub fn leave_out(&self, index: usize) {
        let mut state = self.state.borrow_mut();
        state.open.remove(&index);
        state.left_out.insert(index);
    }

    pub fn is_left_out(&self, index: usize) -> bool {
        self.state.borrow().left_out.contains(&index)
    }

    /// A service that is skipped owes its restart if the plan says so or what it watches was changed.
    fn owes(&self, run: &Run<'_>, index: usize) -> bool {
        if !crate::graph::is_service(run.graph.step(index)) {
            return false;
        }
        let state = self.state.borrow();
        matches!(run.plan.of(index), Some(Planned::Owed(_)))
            || run.graph.needs(index).iter().any(|(need, _)| {
                matches!(state.outcomes.get(need), Some((Outcome::Done { .. }, _)))
                    && run.graph.watchers(*need).contains(&index)
            })
    }

    pub fn is_open(&self, index: usize) -> bool {
        self.state.borrow().open.contains(&index)
    }

    pub fn outcome(&self, index: usize) -> Option<Outcome> {
        self.state
            .borrow()
            .outcomes
            .get(&index)
            .map(|(outcome, _)| outcome.clone())
    }

    /// When a step was changed, on the board's clock.
    pub fn changed_at(&self, index: usize) -> Option<u64> {
        match self.state.borrow().outcomes.get(&index) {
            Some((Outcome::Done { .. }, at)) => Some(*at),
            _ => None,
        }
    }

    pub fn now(&self) -> u64 {
        self.state.borrow().clock
    }

    pub fn take_in_hand(&self, steps: impl IntoIterator<Item = usize>) {
        self.state.borrow_mut().in_hand.extend(steps);
    }

    pub fn is_in_hand(&self, index: usize) -> bool {
        self.state.borrow().in_hand.contains(&index)
    }

    /// Until any step of any host has ended.
    pub async fn change(&self) {
        self.changed.notified().await;
    }

    /// Ends everything that is still open: what was in hand is lost, the rest was interrupted.
    pub fn abandon(&self, run: &Run<'_>, why: &str) {
        let open: Vec<usize> = self.state.borrow().open.iter().copied().collect();
        for index in open {
            let outcome = if self.is_in_hand(index) {
                Outcome::Lost(why.to_owned())
            } else {
                Outcome::Skipped(Skipped::Interrupted)
            };
            self.end(run, run.graph.step(index), index, outcome);
        }
    }

    /// Whether an interruption left anything undone.
    pub fn cut_short(&self) -> bool {
        self.state.borrow().outcomes.values().any(|(outcome, _)| {
            matches!(
                outcome,
                Outcome::Lost(_)
                    | Outcome::Skipped(Skipped::Interrupted)
                    | Outcome::Owed(Skipped::Interrupted)
            )
        })
    }

    pub fn into_outcomes(self) -> BTreeMap<usize, Outcome> {
        self.state
            .into_inner()
            .outcomes
            .into_iter()
            .map(|(index, (outcome, _))| (index, outcome))
            .collect()
    }
}
