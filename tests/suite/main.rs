//! Tests of the program against real hosts: each boots throwaway Debians and runs the real binary.
//!
//! They need root and, once, packages and an image that they install themselves. `support` has the tools: read
//! it before adding a file here. Tests start in the order of their names: those that last longest come early.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod applications;
mod bootstrap;
mod columns;
mod dayafter;
mod docs;
mod engine;
mod faults;
mod filters;
mod firewall;
mod host;
mod kinds;
/// The fault harness' own parts.
#[allow(dead_code)]
#[path = "../faults/kit"]
mod kit {
    pub mod after;
    pub mod attempt;
    pub mod point;
    pub mod reader;
    pub mod relay;
    pub mod sender;
    pub mod server;
    pub mod trouble;
}
mod lab;
mod observer;
mod profile;
mod rehearse;
mod seeds;
mod server;
mod ssh;
mod steps;
mod sudo;
mod support;
