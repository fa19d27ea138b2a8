//! Tests of the program against real hosts: each boots throwaway Debians and runs the real binary.
//!
//! They need root and, once, packages and an image that they install themselves. `support` has the tools: read
//! it before adding a file here.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod docs;
mod host;
mod kinds;
mod lab;
mod rehearse;
mod server;
mod steps;
mod support;
mod web;
