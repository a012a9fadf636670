//! How much memory a million live tasks take: measured in a process of its own, which prints it.

use std::fs;

/// How many.
pub const CROWD: usize = 1_000_000;
/// Says that this process is to measure the memory of the runtime that it names.
pub const CROWD_OF: &str = "SEEDLOOP_BENCH_CROWD";

/// Prints the memory that has been taken since `before`, in MiB.
pub fn print_since(before: f64) {
    print!("{:.0}", peak_mib() - before);
}

/// The most memory that this process has had, as far as the system says so.
pub fn peak_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}
