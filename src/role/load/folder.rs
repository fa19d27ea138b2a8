//! Where roles come from: folders embedded in the program, and the user's folders over them, file by file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::role::RoleFile;

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/roles");

const MANIFEST: &str = "role.yaml";

/// Everything that a role can be loaded from.
#[derive(Debug)]
pub struct Folders {
    users: Vec<PathBuf>,
}

/// The files of one role by path inside its folder, `role.yaml` included.
pub type Files = BTreeMap<String, RoleFile>;

impl Folders {
    /// `users` are folders of role folders; an earlier one wins.
    ///
    /// # Errors
    /// A folder that can't be read.
    pub fn new(users: &[PathBuf]) -> Result<Self, Diagnostics> {
        let mut wrong = Diagnostics::default();
        for folder in users {
            if let Err(error) = std::fs::read_dir(folder) {
                wrong.push(cannot_read(folder, &error));
            }
        }
        if wrong.is_empty() {
            Ok(Self {
                users: users.to_vec(),
            })
        } else {
            Err(wrong)
        }
    }

    /// The names of all roles, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: BTreeSet<String> = BUILT_IN
            .dirs()
            .filter_map(|dir| Some(dir.path().file_name()?.to_str()?.to_owned()))
            .collect();
        for folder in &self.users {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            for entry in entries.filter(|entry| entry.path().is_dir()) {
                if let Ok(name) = entry.file_name().into_string()
                    && !is_stray(&name)
                {
                    names.insert(name);
                }
            }
        }
        names.into_iter().collect()
    }

    /// The files of the role `name`, or `None` when nobody has it.
    ///
    /// # Errors
    /// Files that can't be read.
    pub fn open(&self, name: &str) -> Result<Option<Files>, Diagnostics> {
        let mut files = Files::new();
        if let Some(dir) = BUILT_IN.get_dir(name) {
            embedded(dir, name, &mut files);
        }
        // From the last folder to the first, so that the first wins.
        for folder in self.users.iter().rev() {
            let folder = folder.join(name);
            if folder.is_dir() {
                on_disk(&folder, "", &mut files)?;
            }
        }
        Ok((!files.is_empty()).then_some(files))
    }
}

/// `role.yaml`, taken out of `files`.
pub fn manifest(name: &str, files: &mut Files) -> Result<std::sync::Arc<Source>, Diagnostic> {
    match files.remove(MANIFEST) {
        Some(RoleFile::Text(source)) => Ok(source),
        Some(RoleFile::Bytes(_)) => Err(Diagnostic::new(format!(
            "`role.yaml` of the role `{name}` is not UTF-8 text"
        ))),
        None => Err(
            Diagnostic::new(format!("the folder of the role `{name}` has no `role.yaml`"))
                .help("a role is a folder with `role.yaml`, `templates/` and `files/`"),
        ),
    }
}

/// Names that editors and version control leave behind.
fn is_stray(name: &str) -> bool {
    name.starts_with('.') || name.ends_with('~') || name.starts_with('#')
}

fn embedded(dir: &Dir<'_>, role: &str, files: &mut Files) {
    for file in dir.files() {
        let Some(path) = file.path().to_str() else {
            continue;
        };
        let inside = path.strip_prefix(role).unwrap_or(path).trim_start_matches('/');
        if !is_stray(inside.rsplit('/').next().unwrap_or(inside)) {
            let name = format!("(built in) roles/{path}");
            files.insert(inside.to_owned(), role_file(name, file.contents()));
        }
    }
    for dir in dir.dirs() {
        embedded(dir, role, files);
    }
}

fn on_disk(folder: &Path, inside: &str, files: &mut Files) -> Result<(), Diagnostics> {
    let entries = std::fs::read_dir(folder).map_err(|error| cannot_read(folder, &error))?;
    for entry in entries {
        let path = entry.map_err(|error| cannot_read(folder, &error))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(Diagnostic::new(format!("the name of {} is not UTF-8", path.display())).into());
        };
        if is_stray(name) {
            continue;
        }
        let inside = if inside.is_empty() {
            name.to_owned()
        } else {
            format!("{inside}/{name}")
        };
        if path.is_dir() {
            on_disk(&path, &inside, files)?;
        } else {
            let bytes = std::fs::read(&path).map_err(|error| cannot_read(&path, &error))?;
            files.insert(inside, role_file(path.display().to_string(), &bytes));
        }
    }
    Ok(())
}

fn role_file(name: String, bytes: &[u8]) -> RoleFile {
    match std::str::from_utf8(bytes) {
        Ok(text) => RoleFile::Text(Source::new(name, text)),
        Err(_) => RoleFile::Bytes(bytes.to_vec()),
    }
}

fn cannot_read(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::new(format!("cannot read {}: {error}", path.display()))
}
