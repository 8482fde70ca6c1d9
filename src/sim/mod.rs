//! A simulated DCS job API, for the demo and the tests.
