//! What is measured on: a lab, a host that both pieces of work have been done on, and the folder they are run from.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mailprov::lab::requirements::{self, Consent};
use mailprov::lab::{HostSpec, Lab, LabHost, Layer};

use crate::arguments::Args;
use crate::peers::Peers;
use crate::work::{self, DATABASE, TABLE, Work};
use crate::{generate, measure};

pub struct Stand {
    // Hosts go before their lab.
    prepared: Option<Prepared>,
    pub lab: Lab,
    site: tempfile::TempDir,
    program: PathBuf,
    pub peers: Option<Peers>,
}

/// A converged host, and its state for others to start from.
pub struct Prepared {
    pub host: LabHost,
    pub layer: Layer,
}

impl Stand {
    pub fn new(args: &Args) -> Self {
        requirements::ensure(Consent::Given).unwrap();
        let lab = Lab::new(&format!("bench-{}", std::process::id())).unwrap();
        lab.guard(Path::new(env!("CARGO_BIN_EXE_mailprov"))).unwrap();
        let site = tempfile::tempdir().unwrap();
        for work in [work::small(), work::large()] {
            generate::role(site.path(), &work);
            generate::playbook(site.path(), &work);
            generate::deploy(site.path(), &work);
            fs::write(
                site.path().join(format!("{}.probe", work.name)),
                generate::probe(&work),
            )
            .unwrap();
            fs::write(
                site.path().join(format!("{}.rewrite", work.name)),
                generate::rewrite(&work),
            )
            .unwrap();
        }
        let peers = (!args.no_peers).then(|| Peers::install(&args.cache));
        if let Some(peers) = &peers {
            eprintln!("{}", peers.versions());
        }
        Self {
            prepared: None,
            lab,
            site,
            program: args.program.clone(),
            peers,
        }
    }

    pub fn site(&self) -> &Path {
        self.site.path()
    }

    /// Boots a host and does both pieces of work on it, the first time it is asked for.
    pub fn prepare(&mut self) -> &Prepared {
        if self.prepared.is_none() {
            let prepared = self.make();
            self.prepared = Some(prepared);
        }
        self.prepared.as_ref().unwrap()
    }

    pub fn prepared(&self) -> &Prepared {
        self.prepared.as_ref().expect("prepare() comes first")
    }

    fn make(&self) -> Prepared {
        let mut host = self
            .lab
            .up(&HostSpec::new("bench"), &|line| eprintln!("{line}"))
            .unwrap();
        eprintln!("preparing the host");
        let packages = work::small().packages.join(" ");
        // Python is for the peers.
        sh(
            &host,
            &format!(
                "export DEBIAN_FRONTEND=noninteractive; apt-get -q update && apt-get -q -y install \
                 --no-install-recommends {packages} python3 python3-apt"
            ),
        );
        sh(
            &host,
            &format!(
                "mariadb -e 'create database {DATABASE}; create table {DATABASE}.{TABLE} (name varchar(64) primary key, \
                 value varchar(64))'"
            ),
        );
        let site = self.site();
        for work in [work::small(), work::large()] {
            let hosts = [entry("bench", &host)];
            inventory(site, work.name, &hosts, work.name);
            measure::run(&mut self.mailprov(&["apply", &format!("{}.yaml", work.name)]));
            let (_, said) =
                measure::run(&mut self.mailprov(&["apply", &format!("{}.yaml", work.name), "--check"]));
            assert!(said.contains(&format!("{} converged", work.steps())), "{said}");
        }
        Peers::furnish(site, &host);
        let layer = host.snapshot("converged").unwrap();
        settled(&host);
        Prepared { host, layer }
    }

    pub fn mailprov(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(words)
            .current_dir(self.site())
            .env("HOME", self.site())
            .env("LC_ALL", "C.UTF-8")
            .env_remove("SSH_AUTH_SOCK")
            .stdin(Stdio::null());
        command
    }

    /// `ssh HOST sh -s` with a script of the site.
    pub fn floor(&self, host: &LabHost, script: &str) -> Command {
        let mut command = ssh(host);
        command
            .args(["sh", "-s"])
            .stdin(File::open(self.site().join(script)).unwrap());
        command
    }
}

/// A plain `ssh` to the host, without anybody's configuration.
pub fn ssh(host: &LabHost) -> Command {
    let mut command = host.ssh_command().unwrap();
    command.env_remove("SSH_AUTH_SOCK").stdin(Stdio::null());
    command
}

/// A host's part of an inventory. It is called by its address and port, so that a relay's differs.
pub fn entry(name: &str, host: &LabHost) -> String {
    reached_at(name, host, &host.address().to_string(), 22)
}

pub fn reached_at(name: &str, host: &LabHost, address: &str, port: u16) -> String {
    format!(
        "  {name}:\n    ssh: {{address: {address}, port: {port}, identity_files: [{}], host_key_fingerprint: {:?}}}\n",
        host.key().display(),
        host.host_key_fingerprint().unwrap()
    )
}

/// `site/NAME.yaml`: these hosts, with one role.
pub fn inventory(site: &Path, name: &str, hosts: &[String], role: &str) {
    let mut text = "hosts:\n".to_owned();
    for host in hosts {
        let _ = writeln!(text, "{host}    roles: [{role}]");
    }
    fs::write(site.join(format!("{name}.yaml")), text).unwrap();
}

/// Runs a script on the host, past SSH; a failure ends the bench.
pub fn sh(host: &LabHost, script: &str) -> String {
    let output = host.run(script).unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{script}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// Waits until the host has booted to its end.
pub fn settled(host: &LabHost) {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(300);
    loop {
        let state = host
            .run("systemctl is-system-running; mariadb-admin ping 2>&1")
            .unwrap();
        let state = String::from_utf8_lossy(&state.stdout).into_owned();
        if state.starts_with("running") && state.contains("alive") {
            return;
        }
        assert!(
            std::time::Instant::now() < end,
            "{} does not settle: {state}",
            host.name()
        );
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
}

/// Edits every file of the work, as a person would.
pub fn edit(host: &LabHost, work: &Work) {
    let paths: Vec<&str> = work.files.iter().map(|(path, _)| path.as_str()).collect();
    sh(
        host,
        &format!(
            "for path in {}; do echo '# edited' >>$path; done",
            paths.join(" ")
        ),
    );
}
