//! Jinja templates and expressions (minijinja), undefined being an error.
