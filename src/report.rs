//! Reports: one type of event; terminal, plain lines, JSON and the record on the host consume it.
