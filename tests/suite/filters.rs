//! Proofs of filters and signatures, for whichever server has one: what it signs verifies, what is forged is refused,
//! spam and viruses don't arrive as mail, people teach the filter by moving mail, and the filter is changed while mail
//! comes in.

pub mod absent;
pub mod amavis;
pub mod client;
pub mod dns;
pub mod proofs;
pub mod switch;
