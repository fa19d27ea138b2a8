//! The run: the execution of a plan, in dependency order, in batches.
