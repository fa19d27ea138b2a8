//! Events as JSON: one object per line on standard output.

use std::io::Write;

use super::Consumer;
use super::event::Event;

/// Writes every event as it comes. A reader that went away does not stop a run.
pub struct Json<W>(pub W);

impl<W: Write> Consumer for Json<W> {
    fn take(&mut self, event: &Event) {
        if let Ok(line) = serde_json::to_string(event) {
            let _ = writeln!(self.0, "{line}");
            let _ = self.0.flush();
        }
    }
}
