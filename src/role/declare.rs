//! Checking a host's variables against the declarations of its roles.
