//! The record of a run that stays on the host: who, when, from where, which steps changed. Never a diff.
