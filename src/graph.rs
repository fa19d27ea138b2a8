//! The graph of all steps of all hosts (petgraph): declared edges, edges implied by what steps are, one order.

use crate::diagnostic::{Diagnostics, Place};
use crate::role::BoundStep;

/// Why one step waits for another.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    Declared(Place),
    /// In words: `its folder /etc/postfix`.
    Implied(String),
}

/// All steps and what they wait for.
#[derive(Debug)]
pub struct StepGraph {
    steps: Vec<BoundStep>,
}

impl StepGraph {
    /// # Errors
    /// Needs that name nothing, and cycles with their whole path.
    pub fn build(_hosts: Vec<Vec<BoundStep>>) -> Result<Self, Diagnostics> {
        todo!("run helper")
    }

    pub fn steps(&self) -> &[BoundStep] {
        &self.steps
    }
}
