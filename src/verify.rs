//! Verification of a mail server from outside, as a client would.
