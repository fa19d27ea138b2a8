//! What must hold of a server after a broken run.

use std::time::{Duration, Instant};

use super::attempt::Attempt;
use super::reader;
use super::sender::{self, Log};
use super::server::Server;

/// What was found after one broken run.
#[derive(Debug, Default, Clone)]
pub struct Findings {
    /// Whatever must not be.
    pub problems: Vec<String>,
    pub accepted: usize,
    pub lost: usize,
    /// Delivered more than once.
    pub twice: usize,
    pub reads: u64,
    pub half_written: usize,
    /// Steps that the next run had to do.
    pub made_up: usize,
    pub converged: bool,
    /// Seconds until the lock was free.
    pub lock: f64,
}

/// SMTP can't rule it out (RFC 1047): a server that is stopped between storing a message and saying so gets it again.
pub const TWICE: &str = "delivered more than once";

/// Files with these names are ours, and must not stay.
pub const LEFT: &str = "find /etc /usr /var /run -xdev \\( -name '.mailprov*' -o -name 'mailprov-check.*' \
     -o -name '*.mailprov-part' -o -name 'policy-rc.d' -o -path '/var/lib/mailprov/*.part' \\) -print 2>/dev/null; \
     for folder in /run/mailprov/session.*; do [ ! -e \"$folder\" ] || echo \"$folder\"; done";

/// Applies again, undisturbed, and looks at everything. `mail`: what a sender handed in meanwhile, under its name.
pub fn look(server: &mut Server, edition: usize, mail: Option<(Log, &str)>) -> Findings {
    look_with(server, edition, &[], mail)
}

/// [`look`], with further arguments of the command's, which may change what `dovecot.conf` is to hold.
pub fn look_with(
    server: &mut Server,
    edition: usize,
    arguments: &[&str],
    mail: Option<(Log, &str)>,
) -> Findings {
    let mut found = Findings::default();
    found.lock_was_free(server.lock_is_free());
    let next = Attempt::start(&server.editions[edition].site, arguments).end();
    found.made_up = next.changed().len();
    found.converged = next.code == Some(0);
    if !found.converged {
        found.problem(format!("the next run ends with {:?}: {}", next.code, next.said()));
    }
    let idle = Attempt::start(&server.editions[edition].site, arguments).end();
    if idle.code != Some(0) || !idle.changed().is_empty() {
        found.problem(format!(
            "the run after it ends with {:?} and changes {:?}",
            idle.code,
            idle.changed()
        ));
    }
    if found.converged {
        server.current = edition;
    }
    let left = server.host.sh(LEFT);
    if !left.is_empty() {
        found.problem(format!("left behind: {left}"));
    }
    files(server, edition, arguments.is_empty(), &mut found);
    running(server, edition, &mut found);
    if let Some((log, name)) = mail {
        delivered(server, &log, name, &mut found);
    }
    found
}

impl Findings {
    pub fn problem(&mut self, text: String) {
        self.problems.push(text);
    }

    /// After that time; not at all is a problem.
    pub fn lock_was_free(&mut self, after: Option<Duration>) {
        match after {
            Some(time) => self.lock = time.as_secs_f64(),
            None => self.problem("the lock is still held after all the time that it may take".into()),
        }
    }
}

fn files(server: &Server, edition: usize, plain: bool, found: &mut Findings) {
    let meant = &server.editions[edition].files;
    let paths: Vec<_> = meant.keys().cloned().collect();
    let there = reader::contents(&server.host.inner_root().unwrap(), &paths);
    for (path, content) in meant {
        if (plain || !path.ends_with("dovecot.conf")) && there.get(path) != Some(content) {
            found.problem(format!("{} is not as promised", path.display()));
        }
    }
    let (reads, wrong) = server.reader.seen();
    found.reads = reads;
    found.half_written = wrong.len();
    found.problems.extend(wrong);
}

/// Restarts that were owed have happened: every service runs with what is on the disk.
fn running(server: &Server, edition: usize, found: &mut Findings) {
    let edition = &server.editions[edition];
    let script = "
for pair in dovecot:/etc/dovecot/dovecot.conf dovecot:/etc/dovecot/mailprov-sql.conf \\
  mariadb:/etc/mysql/mariadb.conf.d/60-mailprov.cnf postfix:/etc/postfix/master.cf postfix:/etc/hosts; do
  unit=${pair%%:*} file=${pair#*:}
  since=$(date -d \"$(systemctl show -p ActiveEnterTimestamp --value \"$unit\")\" +%s)
  [ \"$since\" -ge \"$(stat -c %Z \"$file\")\" ] || echo \"$unit runs since before $file was changed\"
done
for unit in dovecot mariadb postfix; do systemctl -q is-active \"$unit\" || echo \"$unit does not run\"; done
systemctl --failed --plain --no-legend -- 'dovecot*' 'mariadb*' 'postfix*'
[ ! -e /etc/aliases.lmdb ] || [ \"$(postmap -q root lmdb:/etc/aliases)\" ] || echo 'aliases.lmdb does not know root'
";
    let said = server.host.sh(script);
    if !said.is_empty() {
        found.problem(said);
    }
    let pool = server
        .host
        .sh("mariadb -NBe 'SELECT @@innodb_buffer_pool_size' 2>&1; true");
    if pool != edition.pool.to_string() {
        found.problem(format!("MariaDB's buffer pool is {pool}, not {}", edition.pool));
    }
    // A process of Postfix that waits when the configuration is read anew may serve one client more.
    let end = Instant::now() + Duration::from_secs(20);
    let mut size = server.announces();
    while size != Some(edition.size) && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(200));
        size = server.announces();
    }
    if size != Some(edition.size) {
        found.problem(format!("Postfix announces SIZE {size:?}, not {}", edition.size));
    }
}

/// Every accepted message is found exactly once.
pub fn delivered(server: &Server, log: &Log, name: &str, found: &mut Findings) {
    found.accepted = log.accepted.len();
    let folder = server.host.root().join("var/vmail");
    let end = Instant::now() + Duration::from_secs(90);
    loop {
        let there = sender::delivered(&folder, name);
        let missing: Vec<_> = log
            .accepted
            .iter()
            .filter(|token| !there.contains_key(*token))
            .collect();
        let queue = server.host.sh("postqueue -p 2>&1 | tail -n 1");
        if (missing.is_empty() && queue.contains("empty")) || Instant::now() > end {
            found.lost = missing.len();
            if !missing.is_empty() {
                found.problem(format!(
                    "accepted, and not delivered: {missing:?}; the queue: {queue}"
                ));
            }
            let twice: Vec<_> = there.iter().filter(|(_, count)| **count > 1).collect();
            found.twice = twice.len();
            if !twice.is_empty() {
                found.problem(format!("{TWICE}: {twice:?}\n{}", history(server, &twice)));
            }
            return;
        }
        server.host.sh("postqueue -f; true");
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// What the journal has of these messages, by the number that Postfix gave them, and of Dovecot's restarts.
fn history(server: &Server, messages: &[(&String, &usize)]) -> String {
    let tokens: Vec<&str> = messages.iter().map(|(token, _)| token.as_str()).collect();
    server.host.sh(&format!(
        "for token in {}; do
           id=$(grep -rhF -B20 \"Subject: fault-$token\" /var/vmail | grep -m1 -oE 'SMTP id [A-Za-z0-9]+')
           [ -z \"$id\" ] || journalctl --no-pager -b -o short-precise | grep -F \"${{id##* }}\"
         done
         journalctl --no-pager -b -o short-precise -u dovecot -g 'Start|Stopp|Killed|shutting down' -n 24; true",
        tokens.join(" ")
    ))
}
