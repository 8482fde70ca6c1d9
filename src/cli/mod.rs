//! The commands: the only place that prints results and chooses an exit code.
