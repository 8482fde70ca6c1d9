//! What the kernel counts of a process.

use std::path::PathBuf;
use std::time::Duration;

/// Of Linux, whatever the kernel's own timer does.
const TICKS_PER_SECOND: f64 = 100.0;

/// A process, by its ID.
#[derive(Clone, Copy)]
pub(crate) struct Process(pub(crate) u32);

impl Process {
    /// Its resident memory.
    pub(crate) fn resident_bytes(self) -> u64 {
        let status = self.read("status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.unwrap().split_whitespace().nth(1).unwrap();
        kib.parse::<u64>().unwrap() * 1024
    }

    /// The time that it has run so far, in user space and in the kernel, in steps of 10 ms.
    pub(crate) fn cpu(self) -> Duration {
        let stat = self.read("stat");
        // The name may hold anything, and stands in parentheses.
        let (_, rest) = stat.rsplit_once(") ").unwrap();
        let ticks = rest.split(' ').skip(11).take(2);
        let ticks: f64 = ticks.map(|ticks| ticks.parse::<f64>().unwrap()).sum();
        Duration::from_secs_f64(ticks / TICKS_PER_SECOND)
    }

    fn read(self, what: &str) -> String {
        let path = PathBuf::from(format!("/proc/{}/{what}", self.0));
        std::fs::read_to_string(path).unwrap()
    }
}
