//! Kinds of steps against real hosts, one by one.

mod package;
mod service;
mod sql;
