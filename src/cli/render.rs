//! `mailprov render`: every file as it would be on the hosts, without a connection.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

use super::common::{Failure, Global, InventoryArgs, count, exit_codes, print};
use crate::exit::Exit;
use crate::role::bind;
use crate::step::Rendered;

/// Names what an earlier rendering wrote, so that the next one can take it away.
const MARKER: &str = ".mailprov-render";

/// Write every file as it would be on the hosts, without contacting them
///
/// Files go to DIR/HOST/PATH, readable by you alone. Facts are assumed (the host's `release`), and a secret
/// is its placeholder `<secret NAME>`: no identity is needed. What an earlier rendering left in DIR is replaced.
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("Examples:
  mailprov render inventory.yaml --out rendered
  git diff --no-index rendered-before rendered

{}", exit_codes(&[Exit::Done, Exit::Usage, Exit::Invalid])))]
pub struct Args {
    #[command(flatten)]
    inventory: InventoryArgs,
    /// The folder to write to; new, empty, or of an earlier rendering
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub async fn run(args: Args, _global: &Global) -> Result<Exit, Failure> {
    let (inventory, roles) = args.inventory.load()?;
    let graph = bind::graph(&inventory, &roles)?;
    prepare(&args.out)?;
    let mut written = BTreeSet::new();
    for step in graph.steps() {
        for file in step.step.files() {
            let inside = inside(&step.id.host, &file);
            write(&args.out, &inside, file.content)?;
            written.insert(inside.display().to_string());
        }
    }
    let list: String = written.iter().map(|path| format!("{path}\n")).collect();
    write(&args.out, Path::new(MARKER), list.as_bytes())?;
    print(&format!(
        "{} of {} written below {}; secrets in them are placeholders\n",
        count(written.len(), "file"),
        count(graph.hosts().len(), "host"),
        args.out.display()
    ))?;
    Ok(Exit::Done)
}

/// Where a file goes below the folder. Only plain names count, so that nothing is written elsewhere.
fn inside(host: &str, file: &Rendered<'_>) -> PathBuf {
    let names = Path::new(host)
        .components()
        .chain(Path::new(file.path).components());
    names
        .filter(|name| matches!(name, Component::Normal(_)))
        .collect()
}

/// Makes the folder, and takes away what an earlier rendering wrote.
fn prepare(out: &Path) -> Result<(), Failure> {
    let marker = out.join(MARKER);
    if let Ok(list) = fs::read_to_string(&marker) {
        for path in list.lines() {
            let path = Path::new(path);
            if path.components().all(|name| matches!(name, Component::Normal(_))) {
                // A file that is gone already is as good.
                let _ = fs::remove_file(out.join(path));
            }
        }
        return Ok(());
    }
    match fs::read_dir(out) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(Failure::usage(format!(
                "the folder {} is not empty, and no earlier rendering is in it\n  help: name a new folder",
                out.display()
            ))),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => make(out),
        Err(error) => Err(failed(out, &error)),
    }
}

fn make(folder: &Path) -> Result<(), Failure> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| failed(folder, &error))
}

fn write(out: &Path, inside: &Path, content: &[u8]) -> Result<(), Failure> {
    let path = out.join(inside);
    if let Some(folder) = path.parent() {
        make(folder)?;
    }
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(content))
        .map_err(|error| failed(&path, &error))
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("cannot write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> Rendered<'_> {
        Rendered {
            path,
            content: b"",
            mode: "0644",
            owner: "root",
            group: "root",
        }
    }

    #[test]
    fn nothing_is_written_outside_the_folder() {
        assert_eq!(inside("mx1", &file("/etc/a")), Path::new("mx1/etc/a"));
        assert_eq!(inside("mx1", &file("/../../etc/a")), Path::new("mx1/etc/a"));
    }

    #[test]
    fn a_folder_of_somebody_else_is_left_alone_and_an_earlier_rendering_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        prepare(&out).unwrap();
        write(&out, Path::new("mx1/etc/a"), b"a").unwrap();
        assert_eq!(prepare(&out).unwrap_err().exit, Exit::Usage);
        write(&out, Path::new(MARKER), b"mx1/etc/a\n../x\n").unwrap();
        fs::write(folder.path().join("x"), "x").unwrap();
        prepare(&out).unwrap();
        assert!(!out.join("mx1/etc/a").exists());
        assert!(folder.path().join("x").exists());
    }

    #[test]
    fn files_are_for_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        prepare(&out).unwrap();
        write(&out, Path::new("mx1/a"), b"a").unwrap();
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(out.join("mx1/a")), 0o600);
        assert_eq!(mode(out.join("mx1")), 0o700);
    }
}
