//! mailprov provisions mail servers over SSH: see `book/src/design.md` for the architecture.
//!
//! Everything is one direction of travel: inventory → roles → graph → plan → run → report.

pub mod ask;
pub mod bootstrap;
pub mod cli;
pub mod diagnostic;
pub mod exit;
pub mod graph;
pub mod history;
pub mod host;
pub mod init;
pub mod inventory;
pub mod lab;
pub mod plan;
pub mod rehearse;
pub mod report;
pub mod role;
pub mod run;
pub mod secret;
pub mod step;
pub mod value;
pub mod verify;
pub mod yaml;
