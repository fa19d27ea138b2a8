//! Tokens (`%h`), `~` and `${NAME}` in values, and the options that come of them.

use std::path::{Path, PathBuf};

use super::jump::{self, Jump};
use super::setting::{Agent, Settings};
use super::{Asked, Operator, Options};

/// What the tokens stand for.
struct Tokens<'a> {
    operator: &'a Operator,
    original: &'a str,
    host: &'a str,
    alias: &'a str,
    port: u16,
    user: &'a str,
}

/// `HostName` may speak of the name that was asked for.
///
/// # Errors
/// A token that is not `%h` or `%%`.
pub fn host_name(value: &str, original: &str) -> Result<String, String> {
    percent(value, |token| (token == 'h').then(|| original.to_owned()))
}

/// `~` and `~/…` of the operator.
///
/// # Errors
/// `~name`, which would need the accounts of this machine.
pub fn tilde(value: &str, home: &Path) -> Result<PathBuf, String> {
    match value.strip_prefix('~') {
        None => Ok(PathBuf::from(value)),
        Some("") => Ok(home.to_owned()),
        Some(rest) => match rest.strip_prefix('/') {
            Some(rest) => Ok(home.join(rest.trim_start_matches('/'))),
            None => Err(format!(
                "`{value}`: only one's own `~/` is understood; write the whole path"
            )),
        },
    }
}

/// Fills in defaults and expands.
///
/// # Errors
/// A token or variable that nobody knows.
pub fn options(settings: Settings, operator: &Operator, asked: &Asked) -> Result<Options, String> {
    let mut host = match &settings.host_name {
        Some(name) => host_name(name, &asked.name)?,
        None => asked.name.clone(),
    };
    if host.parse::<std::net::IpAddr>().is_err() {
        host = host.to_lowercase();
    }
    if host.is_empty() || host.starts_with('-') || host.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(format!("`{}` can't be the name of a host", host.escape_debug()));
    }
    let user = settings.user.unwrap_or_else(|| asked.default_user.clone());
    let tokens = Tokens {
        operator,
        original: &asked.name,
        host: &host,
        alias: settings.host_key_alias.as_deref().unwrap_or(&host),
        port: settings.port.unwrap_or(22),
        user: &user,
    };
    let paths = |values: &[String]| -> Result<Vec<PathBuf>, String> {
        let named = values.iter().filter(|value| !value.eq_ignore_ascii_case("none"));
        named.map(|value| tokens.path(value)).collect()
    };
    let user_known_hosts = match &settings.user_known_hosts {
        // Nothing is known and nothing is recorded.
        Some(values) if values.iter().all(|value| value.eq_ignore_ascii_case("none")) => {
            Some(vec![PathBuf::from("/dev/null")])
        }
        Some(values) => Some(paths(values)?),
        None => None,
    };
    let global = settings.global_known_hosts.map(|values| {
        let named = values
            .into_iter()
            .filter(|value| !value.eq_ignore_ascii_case("none"));
        named.map(PathBuf::from).collect()
    });
    let jumps = match &settings.proxy_jump {
        Some((value, place)) => tokens.jumps(value, place)?,
        None => Vec::new(),
    };
    Ok(Options {
        identity_files: paths(&settings.identity_files)?,
        no_identity_files: !settings.identity_files.is_empty()
            && settings
                .identity_files
                .iter()
                .all(|value| value.eq_ignore_ascii_case("none")),
        identities_only: settings.identities_only.unwrap_or(false),
        agent: tokens.agent(settings.identity_agent.as_deref())?,
        certificate_files: paths(&settings.certificate_files)?,
        user_known_hosts,
        global_known_hosts: global,
        strict: settings.strict.unwrap_or_default(),
        host_key_alias: settings.host_key_alias.clone(),
        limits: settings.narrowed.limits(),
        jumps,
        port: tokens.port,
        host_name: host.clone(),
        user: user.clone(),
    })
}

impl Tokens<'_> {
    fn token(&self, token: char) -> Option<String> {
        Some(match token {
            'd' => self.operator.home.to_string_lossy().into_owned(),
            'h' => self.host.to_owned(),
            'i' => self.operator.uid.to_string(),
            'k' => self.alias.to_owned(),
            'L' => self
                .operator
                .machine
                .split('.')
                .next()
                .unwrap_or_default()
                .to_owned(),
            'l' => self.operator.machine.clone(),
            'n' => self.original.to_owned(),
            'p' => self.port.to_string(),
            'r' => self.user.to_owned(),
            'u' => self.operator.name.clone(),
            _ => return None,
        })
    }

    fn path(&self, value: &str) -> Result<PathBuf, String> {
        let value = variables(value)?;
        let value = percent(&value, |token| self.token(token))?;
        tilde(&value, &self.operator.home)
    }

    fn agent(&self, value: Option<&str>) -> Result<Agent, String> {
        match value {
            None | Some("SSH_AUTH_SOCK") => Ok(Agent::Environment),
            Some(value) if value.eq_ignore_ascii_case("none") => Ok(Agent::None),
            Some(value) => match value.strip_prefix('$').filter(|rest| !rest.starts_with('{')) {
                Some(name) => {
                    Ok(std::env::var_os(name).map_or(Agent::None, |path| Agent::Socket(path.into())))
                }
                None => Ok(Agent::Socket(self.path(value)?)),
            },
        }
    }

    fn jumps(&self, value: &str, place: &str) -> Result<Vec<Jump>, String> {
        let wrong = |what: String| format!("{place}: {what}");
        let value = percent(value, |token| {
            "hnpr".contains(token).then(|| self.token(token)).flatten()
        })
        .map_err(wrong)?;
        let mut jumps = jump::parse(&value).map_err(wrong)?;
        for jump in &mut jumps {
            place.clone_into(&mut jump.place);
        }
        Ok(jumps)
    }
}

fn percent(value: &str, token: impl Fn(char) -> Option<String>) -> Result<String, String> {
    let mut expanded = String::new();
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            expanded.push(c);
            continue;
        }
        match chars.next() {
            Some('%') => expanded.push('%'),
            Some(name) => match token(name) {
                Some(text) => expanded.push_str(&text),
                None => return Err(format!("`{value}`: the token `%{name}` is not understood here")),
            },
            None => return Err(format!("`{value}` ends in a `%`; write `%%` for a percent sign")),
        }
    }
    Ok(expanded)
}

fn variables(value: &str) -> Result<String, String> {
    let mut expanded = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after
            .split_once('}')
            .ok_or_else(|| format!("`{value}`: `${{` is not closed"))?;
        let content =
            std::env::var(name).map_err(|_| format!("`{value}`: the environment has no `{name}`"))?;
        expanded.push_str(before);
        expanded.push_str(&content);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}
