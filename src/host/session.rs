//! The root shell that stays: framing of scripts and answers.

use super::script::Script;
use super::{Answer, Facts, HostError, ReadHost, WriteHost};
use crate::step::probe::{Observed, Probe};

/// A root shell on a host.
pub struct Session {}

impl Session {
    /// Requests sent after authentication whose answer was waited for.
    pub fn round_trips(&self) -> u64 {
        todo!("host helper")
    }
}

impl ReadHost for Session {
    async fn facts(&mut self, _packages: &[String], _lock: Option<&str>) -> Result<Facts, HostError> {
        todo!("host helper")
    }

    async fn probe(&mut self, _probes: &[Probe]) -> Result<Observed, HostError> {
        todo!("host helper")
    }
}

impl WriteHost for Session {
    async fn batch(
        &mut self,
        _fragments: &[Script],
        _probes: &[Probe],
        _progress: &mut (dyn FnMut(usize, &str) + Send),
    ) -> Result<(Vec<Answer>, Observed), HostError> {
        todo!("host helper")
    }

    async fn finish(&mut self, _record: Option<&str>) -> Result<(), HostError> {
        todo!("host helper")
    }
}
