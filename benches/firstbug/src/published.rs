//! What the artefact of SURW reports for the same programs as C and C++ (`stats/period/out.tex`):
//! schedules to the first bug, mean and standard deviation over those of 20 trials that found it
//! within 10,000; a star where not all did, a dash where none did, nothing where none was run.
//!
//! There every access to memory that is not relative to the stack pointer is a step, main's
//! counters included, and mutexes are taken by anybody: what counts is which sampler finds what,
//! not the numbers.

/// The samplers of the columns.
pub(crate) const SAMPLERS: [&str; 5] = ["SURW", "PCT-3", "PCT-10", "POS", "random walk"];

const ROWS: [(&str, [&str; 5]); 21] = [
    ("twostage", ["8 ± 4", "13 ± 14", "9 ± 10", "15 ± 12", "464 ± 581"]),
    ("twostage_20", ["6 ± 3", "159 ± 151", "101 ± 92", "156 ± 137", "-"]),
    ("twostage_50", ["20 ± 17", "1676 ± 1715", "692 ± 392", "1637 ± 1385", "-"]),
    ("twostage_100", ["454 ± 444", "7466 ± 831*", "5726 ± 2591*", "6674 ± 2877*", "-"]),
    ("reorder_3", ["7 ± 7", "185 ± 199", "148 ± 191", "86 ± 70", "-"]),
    ("reorder_4", ["7 ± 6", "554 ± 643", "362 ± 213", "533 ± 651", "-"]),
    ("reorder_5", ["10 ± 9", "647 ± 517", "1094 ± 1216", "2169 ± 2182", "-"]),
    ("reorder_10", ["17 ± 11", "3225 ± 2426*", "4462 ± 3266*", "-", "-"]),
    ("reorder_20", ["6 ± 4", "3005 ± 2680", "3297 ± 2877*", "-", "-"]),
    ("reorder_50", ["13 ± 12", "3304 ± 1721*", "-", "-", "-"]),
    ("reorder_100", ["194 ± 214", "-", "-", "-", "-"]),
    ("stack", ["5 ± 3", "3 ± 2", "3 ± 1", "2 ± 1", "176 ± 136"]),
    ("token_ring", ["8 ± 6", "8 ± 6", "8 ± 8", "9 ± 11", "13 ± 13"]),
    ("lazy01", ["2 ± 0", "5 ± 3", "5 ± 3", "5 ± 3", "21 ± 21"]),
    ("deadlock01", ["2 ± 0", "13 ± 12", "7 ± 6", "4 ± 3", "3 ± 3"]),
    ("bluetooth_driver", ["70 ± 55", "112 ± 73", "83 ± 86", "36 ± 29", "215 ± 225"]),
    ("account", ["6 ± 5", "4 ± 2", "4 ± 3", "4 ± 3", "18 ± 24"]),
    ("wronglock", ["7 ± 7", "51 ± 50", "20 ± 20", "10 ± 14", "36 ± 42"]),
    ("wronglock_3", ["9 ± 9", "58 ± 46", "14 ± 10", "11 ± 14", "36 ± 42"]),
    ("stringbuffer-jdk1.4", ["8 ± 7", "281 ± 261", "26 ± 24", "23 ± 19", "2243 ± 2324*"]),
    ("WorkStealQueue", ["6 ± 4", "48 ± 49", "16 ± 14", "12 ± 7", ""]),
];

/// The row of a program.
pub(crate) fn row(program: &str) -> [&'static str; 5] {
    let found = ROWS.iter().find(|(name, _)| *name == program);
    found.expect("every program has a row").1
}
