//! From the files to settings: blocks, and `Include`.

use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::matching::{self, Subject};
use super::setting::Settings;
use super::{Asked, ConfigFile, SshConfig, expand, line};
use crate::host::known_hosts::pattern::listed;

/// As OpenSSH has it.
const DEPTH: usize = 16;
/// Files that one host may make us read, and bytes of each: far more than any person has.
const FILES: usize = 256;
const BYTES: u64 = 1 << 20;

struct Reader<'a> {
    config: &'a SshConfig,
    asked: &'a Asked,
    settings: Settings,
    files: usize,
}

/// Reads the files for one host.
///
/// # Errors
/// `file:line: what`.
pub fn read(config: &SshConfig, asked: &Asked) -> Result<Settings, String> {
    let mut reader = Reader {
        config,
        asked,
        settings: Settings {
            user: asked.user.clone(),
            port: asked.port,
            ..Settings::default()
        },
        files: 0,
    };
    for file in &config.files {
        reader.file(file, true, 0)?;
    }
    reader.settings.honoured()?;
    Ok(reader.settings)
}

impl Reader<'_> {
    fn file(&mut self, file: &ConfigFile, live: bool, depth: usize) -> Result<(), String> {
        let Some(text) = self.content(file)? else {
            return Ok(());
        };
        let mut active = live;
        for (index, text) in text.lines().enumerate() {
            let place = format!("{}:{}", file.path.display(), index + 1);
            self.line(text, file, live, &mut active, depth, &place)
                .map_err(|what| {
                    // A mistake in an included file has its place already.
                    if what.starts_with('/') {
                        what
                    } else {
                        format!("{place}: {what}")
                    }
                })?;
        }
        Ok(())
    }

    fn content(&mut self, file: &ConfigFile) -> Result<Option<String>, String> {
        let path = file.path.display();
        let failed =
            |error: std::io::Error| format!("{path}: can't be read: {error}; make it readable or remove it");
        let found = match std::fs::metadata(&file.path) {
            Ok(found) => found,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !file.required => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let foreign = found.uid() != 0 && found.uid() != self.config.operator.uid;
        if file.personal && (foreign || found.mode() & 0o022 != 0) {
            return Err(format!("{path}: others may write it; run `chmod go-w {path}`"));
        }
        if !found.is_file() && !found.file_type().is_char_device() {
            return Err(format!("{path}: is not a file"));
        }
        self.files += 1;
        if self.files > FILES || found.len() > BYTES {
            return Err(format!(
                "{path}: more than {FILES} files or {BYTES} bytes of configuration"
            ));
        }
        if !found.is_file() {
            return Ok(Some(String::new()));
        }
        let bytes = std::fs::read(&file.path).map_err(failed)?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn line(
        &mut self,
        text: &str,
        file: &ConfigFile,
        live: bool,
        active: &mut bool,
        depth: usize,
        place: &str,
    ) -> Result<(), String> {
        let Some((keyword, rest)) = line::split(text)? else {
            return Ok(());
        };
        if text.contains(['\0', '\u{fffd}']) {
            return Err("the line is not text".to_owned());
        }
        let original = &self.asked.name;
        if keyword == "match" {
            let host = match &self.settings.host_name {
                Some(name) => expand::host_name(name, original)?,
                None => original.clone(),
            };
            let subject = Subject {
                original,
                host,
                user: self.settings.user.as_deref().unwrap_or(&self.asked.default_user),
                local_user: &self.config.operator.name,
            };
            *active = matching::criteria(rest, &subject, live)?;
            return Ok(());
        }
        if let Some(patterns) = &self.settings.ignore_unknown
            && Settings::default()
                .take(&keyword, vec!["1".to_owned()], false, place)
                .is_err_and(|why| why.contains("is no option"))
            && listed(patterns.split(','), &keyword)
        {
            return Ok(());
        }
        if keyword == "proxycommand" {
            return self
                .settings
                .take(&keyword, vec![rest.to_owned()], *active, place);
        }
        let words = line::words(rest)?;
        match keyword.as_str() {
            "host" => *active = matching::host(&words, original)? && live,
            "include" => {
                if words.is_empty() || words.iter().any(String::is_empty) {
                    return Err("`Include` names no file".to_owned());
                }
                for word in &words {
                    self.include(word, file, *active, depth)?;
                }
            }
            _ => self.settings.take(&keyword, words, *active, place)?,
        }
        Ok(())
    }

    /// Reads every file that `pattern` matches, in the order of their names; none is fine.
    fn include(&mut self, pattern: &str, from: &ConfigFile, live: bool, depth: usize) -> Result<(), String> {
        if depth + 1 >= DEPTH {
            return Err(format!("more than {DEPTH} files include one another"));
        }
        let home = &self.config.operator.home;
        let path = match pattern.strip_prefix('~') {
            Some(_) if !from.personal && from.folder == Path::new("/etc/ssh") => {
                return Err(format!(
                    "`{pattern}`: `~` has no meaning in the machine's own file"
                ));
            }
            Some(_) => expand::tilde(pattern, home)?,
            None => from.folder.join(pattern),
        };
        let options = glob::MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: true,
        };
        let found = glob::glob_with(&path.to_string_lossy(), options)
            .map_err(|error| format!("`{pattern}`: {error}"))?;
        let mut paths: Vec<PathBuf> = Vec::new();
        for path in found.take(FILES + 1) {
            paths.push(path.map_err(|error| format!("`{pattern}`: {error}"))?);
        }
        paths.sort();
        for path in paths {
            let file = ConfigFile {
                path,
                required: true,
                ..from.clone()
            };
            self.file(&file, live, depth + 1)?;
        }
        Ok(())
    }
}
