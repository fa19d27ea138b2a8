//! Making a service so: the order of the calls. The functions are in `service.sh`.

use super::assess::runs;
use super::guard;
use super::params::{Service, State};
use super::watched_digest;
use crate::host::script::Script;
use crate::step::probe::PathState;
use crate::step::world::World;

pub fn script(service: &Service, world: &World<'_>) -> Script {
    let unit = world.unit(&service.unit);
    let mut script = Script::new()
        .code("mailprov_service_begin")
        .word(&service.unit)
        .code("\n");
    let mut dropped_in = false;
    for (name, content) in &service.drop_ins {
        if is_there(world.path(&service.drop_in_path(name)), content) {
            continue;
        }
        dropped_in = true;
        script = script
            .data(content.as_bytes())
            .code(" | mailprov_service_drop_in")
            .word(name)
            .code(" || exit 1\n");
    }
    script = script.code("mailprov_service_reread\n");
    if service.masked {
        return script.code("mailprov_service_mask\n");
    }
    let enablement = if service.enabled { "enable" } else { "disable" };
    script = script.code("mailprov_service_boot").word(enablement).code("\n");
    if service.state == State::Stopped {
        return script.code("mailprov_service_stop\n");
    }
    let watches = &service.watches;
    let restart = watched_digest(&watches.restart, world);
    let reload = watched_digest(&watches.reload, world);
    let owed = |present: &Option<String>, recorded: &Option<String>| present.is_some() && present != recorded;
    let action = if !runs(&unit) {
        "start"
    } else if dropped_in || owed(&restart, &unit.restart_digest) {
        "restart"
    } else if owed(&reload, &unit.reload_digest) {
        "reload"
    } else {
        return script.code("exit 0\n");
    };
    let word = |digest: Option<String>| digest.unwrap_or_else(|| "-".to_owned());
    guard::arm(service, action, script)
        .code("mailprov_service_up")
        .words([action, &word(restart), &word(reload)])
        .code("\n")
}

fn is_there(state: &PathState, content: &str) -> bool {
    matches!(state, PathState::File { sha256, .. } if *sha256 == super::sha256(content.as_bytes()))
}
