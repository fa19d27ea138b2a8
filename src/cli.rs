//! The command line: a file per subcommand.

pub fn main() -> std::process::ExitCode {
    crate::exit::Exit::Usage.into()
}
