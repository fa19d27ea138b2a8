//! Tests of the program against real hosts: each boots throwaway Debians and runs the real binary.
//!
//! They need root and, once, packages and an image that they install themselves. `support` has the tools: read
//! it before adding a file here.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

<<<<<<< HEAD
mod host;
mod kinds;
=======
>>>>>>> 40fc7b5 (The book's summary)
mod docs;
mod host;
mod lab;
mod rehearse;
mod steps;
mod support;
