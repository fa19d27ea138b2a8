//! What may cut us off is undone by the host itself, unless a new connection succeeds. The functions are in
//! `guard.sh`; the program that a timer of the host's runs is made of them and of those that they need.

use super::params::Service;
use crate::host::script::Script;
use crate::step::Guard;
use crate::step::replace;

/// Shell functions for the session's prelude.
const SH: &str = include_str!("guard.sh");

/// The guard of a service that has one.
pub fn of(service: &Service) -> Option<Guard> {
    let call = |function| Script::new().code(function).word(&service.unit);
    Some(Guard {
        seconds: service.undo_after?,
        keep: call("mailprov_guard_keep").code("\n"),
        // The timer's own undo may be under way.
        undo: call("mailprov_guard_undo").code("\nmailprov_guard_quiet\n"),
    })
}

/// Adds what arms the undo of `action`, if the service wants that.
pub fn arm(service: &Service, action: &str, script: Script) -> Script {
    let Some(seconds) = service.undo_after else {
        return script;
    };
    let program = format!("{}\n{}\n{SH}\n", replace::SH, include_str!("service.sh"));
    script
        .data(program.as_bytes())
        .code(" | mailprov_guard_arm")
        .words([action, &seconds.to_string()])
        .code(" || exit 1\nmailprov_guard_armed\n")
}
