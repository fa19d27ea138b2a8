//! A target completed with what the files say: what the target says already wins.

use super::jump::Jump;
use super::setting::Strict;
use super::{Asked, Options, SshConfig};
use crate::host::HostError;
use crate::host::connection::Target;
use crate::host::known_hosts;

/// Hosts on the way to a host.
const HOPS: usize = 8;

/// Completes `target`: its address is what one would type after `ssh`. Empty fields, a port of 0 and the hosts on
/// the way come from the files.
///
/// # Errors
/// `Unreachable`, with the file and line that are wrong.
pub fn complete(target: &mut Target, config: &SshConfig) -> Result<(), HostError> {
    let asked = Asked {
        name: target.address.clone(),
        user: (!target.user.is_empty()).then(|| target.user.clone()),
        port: (target.port != 0).then_some(target.port),
        default_user: "root".to_owned(),
    };
    let name = target.name.clone();
    let wrong = |what: String| {
        HostError::Unreachable(format!(
            "{name}: the SSH configuration can't be used: {what}; correct it, or say `ssh_config: false` in the host's \
             `ssh:`"
        ))
    };
    let options = config.options(&asked).map_err(wrong)?;
    let jumps = hops(config, target, &options.jumps, 0).map_err(wrong)?;
    fill(target, options);
    target.jumps = jumps;
    Ok(())
}

fn fill(target: &mut Target, options: Options) {
    target.address = options.host_name;
    target.port = options.port;
    target.user = options.user;
    if target.identity_files.is_empty() {
        target.identity_files = options.identity_files;
        target.identity_files_may_lack = true;
        target.no_identity_files = options.no_identity_files;
    }
    target.identities_only = options.identities_only;
    target.agent = options.agent;
    target.certificate_files = options.certificate_files;
    target.host_key_alias = options.host_key_alias;
    target.limits = options.limits;
    if target.known_hosts.is_empty()
        && (options.user_known_hosts.is_some() || options.global_known_hosts.is_some())
    {
        let (user, global) = known_hosts::default_files_by_owner();
        target.known_hosts = options.user_known_hosts.unwrap_or(user);
        target
            .known_hosts
            .extend(options.global_known_hosts.unwrap_or(global));
    }
    target.accept_new_host_key |= options.strict == Strict::AcceptNew;
    target.strict_host_key = options.strict == Strict::Yes;
}

/// The targets on the way, the nearest first. The first of a list may itself be behind others; the rest are reached
/// through the one before them, as `ssh -J` does it.
fn hops(config: &SshConfig, target: &Target, jumps: &[Jump], depth: usize) -> Result<Vec<Target>, String> {
    let mut way = Vec::new();
    for (index, jump) in jumps.iter().enumerate() {
        if depth + index >= HOPS {
            return Err(format!(
                "{}: more than {HOPS} hosts on the way; does `ProxyJump` of {} lead back to itself? Set `ProxyJump \
                 none` for it",
                jump.place, jump.host
            ));
        }
        let asked = Asked {
            name: jump.host.clone(),
            user: jump.user.clone(),
            port: jump.port,
            default_user: config.operator.name.clone(),
        };
        let options = config.options(&asked)?;
        if index == 0 {
            way = hops(config, target, &options.jumps, depth + 1)?;
        }
        let mut hop = Target {
            name: format!("{} (on the way to {})", jump.host, target.name),
            accept_new_host_key: target.accept_new_host_key,
            ..Target::default()
        };
        fill(&mut hop, options);
        way.push(hop);
    }
    Ok(way)
}
