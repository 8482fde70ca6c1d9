//! The binary: hands over to the library, and is the only place that ends the process.

use std::process::ExitCode;

fn main() -> ExitCode {
    dcs_wait::cli::main()
}
