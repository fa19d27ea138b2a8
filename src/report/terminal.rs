//! Events on a terminal: lines that stay, and below them one line per host with what it is doing and for how long.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::event::{Event, Mode};
use super::lines::{Lines, Taste};
use super::{Columns, Consumer};

/// The terminal's consumer. `progress` may be shared with whoever asks questions meanwhile.
pub struct Terminal {
    lines: Lines,
    progress: MultiProgress,
    hosts: BTreeMap<String, ProgressBar>,
}

impl Terminal {
    pub fn new(mode: Mode, taste: Taste, progress: MultiProgress) -> Self {
        Self {
            lines: Lines::new(mode, taste),
            progress,
            hosts: BTreeMap::new(),
        }
    }

    fn bar(&mut self, host: &str) -> &ProgressBar {
        let progress = &self.progress;
        self.hosts.entry(host.to_owned()).or_insert_with(|| {
            let bar = progress.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}  {elapsed:>4}  {wide_msg}") {
                bar.set_style(style.tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ "));
            }
            bar.set_prefix(host.to_owned());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        })
    }

    fn clear(&mut self, host: &str) {
        if let Some(bar) = self.hosts.remove(host) {
            bar.finish_and_clear();
        }
    }
}

impl Consumer for Terminal {
    fn take(&mut self, event: &Event) {
        match event {
            Event::Doing { host, text, .. } => {
                let text = text.as_str().to_owned();
                let bar = self.bar(host);
                bar.reset_elapsed();
                bar.set_message(text);
            }
            Event::Says { host, text, .. } => {
                let text = text.as_str().to_owned();
                self.bar(host).set_message(text);
            }
            Event::Failure { host, .. } => self.clear(host),
            Event::Planned(_) | Event::Summary(_) => {
                for host in self.hosts.keys().cloned().collect::<Vec<_>>() {
                    self.clear(&host);
                }
            }
            _ => {}
        }
        // A host's line shows these; they need not stay.
        if matches!(event, Event::Doing { .. } | Event::Says { .. }) {
            return;
        }
        let text = self.lines.of(event);
        if !text.is_empty() {
            self.progress.suspend(|| {
                use std::io::Write as _;
                let mut output = std::io::stdout().lock();
                let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
            });
        }
    }

    fn columns(&mut self, columns: Columns) {
        self.lines.columns(columns);
    }
}
