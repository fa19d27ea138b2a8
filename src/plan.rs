//! The plan: what differs between the probes and the promises.
