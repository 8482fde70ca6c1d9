//! The binary: hands over to [`dcs_wait::cli`], and is the only place that ends the process.

fn main() {}
