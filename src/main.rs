//! Parse, run, print the error once, end with its code.

fn main() -> std::process::ExitCode {
    explore::cli::main()
}
