//! From a bare Debian to a full mail server, beside a script that installs the same and writes the same files.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use mailprov::graph::StepGraph;
use mailprov::inventory::Inventory;
use mailprov::inventory::load::load;
use mailprov::lab::{HostSpec, LabHost};
use mailprov::role::bind;
use mailprov::role::load::Roles;
use mailprov::step::Resource;

use crate::measure::{Contender, by_turns};
use crate::stand::Stand;
use crate::table::{Row, beside_the_floor};

const NAME: &str = "mx1.example.org";

pub fn run(rounds: usize, stand: &Stand) -> Vec<Row> {
    let folder = stand.site().join("fresh");
    fs::create_dir_all(&folder).unwrap();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories/example/inventory.yaml");
    let inventory = load(&example, &[]).unwrap();
    let roles = Roles::of(&inventory).unwrap();
    let graph = bind::graph(&inventory, &roles).unwrap();
    secrets(&folder, &inventory, &roles);
    fs::write(stand.site().join("fresh.script"), script(&graph)).unwrap();

    // The host of the run to come; the one before it is gone.
    let host: RefCell<Option<LabHost>> = RefCell::new(None);
    let number = RefCell::new(0);
    let bare = || {
        *number.borrow_mut() += 1;
        host.borrow_mut().take();
        let spec = HostSpec::new(format!("fresh-{}", number.borrow())).fqdn(NAME);
        *host.borrow_mut() = Some(stand.lab.up(&spec, &|line| eprintln!("{line}")).unwrap());
    };
    // What is downloaded the first time is in the lab's store afterwards: once, unmeasured, for all.
    bare();
    let warm = host.borrow();
    crate::measure::run(&mut stand.floor(warm.as_ref().unwrap(), "fresh.script"));
    drop(warm);

    let contenders = [
        Contender::new("floor", rounds, || {
            stand.floor(host.borrow().as_ref().unwrap(), "fresh.script")
        })
        .prepare(bare),
        Contender::new("mailprov", rounds, || {
            let path = lab_inventory(&folder, &example, host.borrow().as_ref().unwrap());
            let identity = folder.join("identity");
            stand.mailprov(&[
                "apply",
                path.to_str().unwrap(),
                "--identity",
                identity.to_str().unwrap(),
                "--timings",
            ])
        })
        .prepare(bare),
    ];
    let part = format!("bare host to mail server, {} steps", graph.steps().len());
    beside_the_floor(&part, &by_turns(&contenders), 1.0)
}

/// The example with the lab host in the place of the real one.
fn lab_inventory(folder: &Path, example: &Path, host: &LabHost) -> PathBuf {
    let text = fs::read_to_string(example).unwrap();
    let real = "    ssh: {user: root}\n";
    assert!(text.contains(real), "the example's login has changed");
    let lab = crate::stand::entry(NAME, host);
    let lab = lab.split_once('\n').unwrap().1.to_owned();
    let path = folder.join("inventory.yaml");
    fs::write(&path, text.replace(real, &lab)).unwrap();
    path
}

/// `secrets.yaml` and the identity that opens it.
fn secrets(folder: &Path, inventory: &Inventory, roles: &Roles) {
    use age::secrecy::ExposeSecret as _;
    use std::os::unix::fs::PermissionsExt as _;
    let mut names = BTreeSet::new();
    for host in &inventory.hosts {
        names.extend(bind::secrets(inventory, roles, host).unwrap().into_keys());
    }
    let identity = age::x25519::Identity::generate();
    let file = folder.join("identity");
    fs::write(&file, identity.to_string().expose_secret()).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let mut text = format!("recipients: [{}]\nsecrets:\n", identity.to_public());
    for name in names {
        let armored =
            age::encrypt_and_armor(&identity.to_public(), format!("made-up {name}").as_bytes()).unwrap();
        let _ = writeln!(text, "  {name}: |");
        for line in armored.lines() {
            let _ = writeln!(text, "    {line}");
        }
    }
    fs::write(folder.join("secrets.yaml"), text).unwrap();
}

/// What a person in a hurry would write: all packages in one go, all files, restart everything.
fn script(graph: &StepGraph) -> String {
    let mut packages = BTreeSet::new();
    let mut units = BTreeSet::new();
    let mut files = BTreeMap::new();
    for step in graph.steps() {
        for resource in step.step.provides() {
            if let Resource::Package(name) = resource {
                packages.insert(name);
            }
        }
        units.extend(step.step.watches().map(|watches| watches.unit.clone()));
        for file in step.step.files() {
            files.insert(
                file.path.to_owned(),
                (file.mode.to_owned(), file.content.to_vec()),
            );
        }
    }
    let words = |words: BTreeSet<String>| words.into_iter().collect::<Vec<_>>().join(" ");
    let mut text = format!(
        "export DEBIAN_FRONTEND=noninteractive\napt-get -q update && apt-get -q -y --no-install-recommends install {} || \
         exit 1\n",
        words(packages)
    );
    for (path, (mode, content)) in files {
        let folder = Path::new(&path).parent().unwrap().display();
        let content = String::from_utf8_lossy(&content).into_owned();
        let end = if content.ends_with('\n') { "" } else { "\n" };
        let _ = write!(
            text,
            "mkdir -p {folder}\ninstall -m {mode} /dev/stdin {path} <<'MAILPROV_END'\n{content}{end}MAILPROV_END\n"
        );
    }
    // Its users, keys and databases are missing, so not everything comes up: it is quicker for that, not slower.
    let _ = write!(
        text,
        "systemctl daemon-reload\nfor unit in {}; do systemctl restart $unit; done\nexit 0\n",
        words(units)
    );
    text
}
