//! The kind `sysctl`: a kernel setting, now and after the next boot.

use schemars::JsonSchema;
use serde::Deserialize;

use super::gone::Terms;
use super::gone::file::GoneFile;
use super::kind::params::{AbsolutePath, Scalar};
use super::kind::{Kind, Params, read, refuse};
use super::probe::Probe;
use super::promised::{Compared, HEADER, PromisedFile, first};
use super::world::World;
use super::{Assessment, Diff, Fix, Rendered, Resource, Step, replace};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::host::observe::sysctl::file;

pub const KIND: Kind = Kind {
    name: "sysctl",
    page: include_str!("../../book/src/steps/sysctl.md"),
    schema: || schemars::schema_for!(SysctlParams),
    parse,
};

/// A kernel setting.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SysctlParams {
    /// The setting, like `net.ipv4.ip_forward`.
    key: String,
    /// Its value.
    value: Scalar,
}

#[derive(Debug)]
struct Sysctl {
    key: String,
    value: String,
    promised: PromisedFile,
}

fn parse(params: &Params<'_>) -> Result<Box<dyn Step>, Diagnostics> {
    let SysctlParams {
        key,
        value: Scalar(value),
    } = read(params)?;
    let known = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let parts = |part: &str| part.is_empty();
    if key.is_empty() || !key.chars().all(known) || key.split(['.', '/']).any(parts) {
        return Err(refuse(params, &["key"], format!("`{key}` is no kernel setting"))
            .help("like net.ipv4.ip_forward")
            .into());
    }
    if value.trim().is_empty() || value.contains(char::is_control) {
        return Err(refuse(params, &["value"], "the value must be one line").into());
    }
    let value = value.trim().to_owned();
    let path = format!("/etc/sysctl.d/60-mailprov-{}.conf", key.replace('/', "."));
    Ok(Box::new(Sysctl {
        promised: PromisedFile {
            path: AbsolutePath::new(&path).map_err(Diagnostic::new)?,
            content: format!("{HEADER}{key} = {value}\n").into_bytes(),
            mode: "0644".into(),
            owner: "root".into(),
            group: "root".into(),
        },
        key,
        value,
    }))
}

/// The kernel separates the parts of a value by tabs.
fn same(a: &str, b: &str) -> bool {
    a.split_whitespace().eq(b.split_whitespace())
}

impl Step for Sysctl {
    fn summary(&self) -> String {
        format!("{} = {}", self.key, self.value)
    }

    fn probes(&self) -> Vec<Probe> {
        vec![self.promised.probe(), Probe::Sysctl(self.key.clone())]
    }

    fn assess(&self, world: &World<'_>) -> Assessment {
        let Some(now) = world.sysctl(&self.key) else {
            return Assessment::Refused(format!(
                "this host's kernel has no setting {}: it may be another kernel's, a module's that is not loaded, or \
                 hidden in a container",
                self.key
            ));
        };
        let (absent, mut diff) = match self.promised.compare(world) {
            Compared::Absent(diff) => (true, diff),
            Compared::Same => (false, Diff::default()),
            Compared::Different(diff) => (false, diff),
            Compared::Obstacle(words) => return Assessment::Refused(words),
        };
        if !same(now, &self.value) {
            diff = diff.attribute(&self.key, Some(now), Some(&self.value));
        }
        match (absent, diff.is_empty()) {
            (true, _) => Assessment::Create(diff),
            (false, false) => Assessment::Change(diff),
            (false, true) => Assessment::Converged,
        }
    }

    fn fix(&self, _world: &World<'_>) -> Fix {
        let set = [self.promised.replacement()];
        // In one write: the kernel takes each write as a whole value.
        let script = first(&replace::script(&set, None, &[], "-"))
            .code("printf '%s\\n'")
            .word(&self.value)
            .code(" >")
            .word(&file(&self.key))
            .code("\n");
        Fix::Script(script)
    }

    fn provides(&self) -> Vec<Resource> {
        vec![Resource::Path(self.promised.path.to_string())]
    }

    fn requires(&self) -> Vec<Resource> {
        self.promised.requires()
    }

    /// The kernel keeps the value until the next boot: nobody knows what it would be without us.
    fn taken_back(&self, terms: &Terms<'_>) -> Option<Box<dyn Step>> {
        GoneFile::written(self.promised.path.as_str(), None, terms)
    }

    fn digest(&self) -> String {
        self.promised.digest()
    }

    fn rendered(&self) -> Option<Rendered<'_>> {
        Some(self.promised.rendered())
    }
}

#[cfg(test)]
mod tests {
    use super::super::promised::testing::{Host, refused, step};
    use super::*;
    use serde_json::json;

    const PATH: &str = "/etc/sysctl.d/60-mailprov-net.ipv4.ip_local_port_range.conf";

    fn range() -> Box<dyn Step> {
        step(
            &KIND,
            json!({"key": "net.ipv4.ip_local_port_range", "value": "1024 65000"}),
        )
    }

    fn host(now: Option<&str>) -> Host {
        let mut host = Host::default();
        let key = "net.ipv4.ip_local_port_range".to_owned();
        host.observed.sysctls.insert(key, now.map(str::to_owned));
        host
    }

    #[test]
    fn both_the_file_and_the_running_value_count() {
        let content = String::from_utf8(range().rendered().unwrap().content.to_vec()).unwrap();
        assert!(content.ends_with("\nnet.ipv4.ip_local_port_range = 1024 65000\n"));
        assert!(matches!(
            host(Some("1\t2")).assess(&*range()),
            Assessment::Create(_)
        ));
        let kept = |now| host(Some(now)).file(PATH, &content, "0644").assess(&*range());
        assert_eq!(kept("1024\t65000"), Assessment::Converged);
        let expected =
            Diff::default().attribute("net.ipv4.ip_local_port_range", Some("1\t2"), Some("1024 65000"));
        assert_eq!(kept("1\t2"), Assessment::Change(expected));
    }

    #[test]
    fn a_setting_that_the_kernel_has_not_is_refused() {
        assert!(matches!(host(None).assess(&*range()), Assessment::Refused(_)));
    }

    #[test]
    fn keys_and_values_are_checked() {
        for key in ["", "a..b", "../../etc/passwd", "a b", "a."] {
            assert!(
                refused(&KIND, json!({"key": key, "value": 1})).contains("no kernel setting"),
                "{key}"
            );
        }
        assert!(refused(&KIND, json!({"key": "a.b", "value": "1\n2"})).contains("one line"));
    }
}
