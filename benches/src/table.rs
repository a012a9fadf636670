//! Times the cells of a table and prints it. The cells take turns, so that what else the machine
//! does meets all of them; of each the fastest turn counts.

use std::{
    fmt,
    time::{Duration, Instant},
};

/// What is timed, or nothing if there is no such thing.
pub(crate) struct Cell(Option<Box<dyn Fn()>>);

impl Cell {
    pub(crate) fn new(run: impl Fn() + 'static) -> Cell {
        Cell(Some(Box::new(run)))
    }

    pub(crate) fn none() -> Cell {
        Cell(None)
    }

    /// So many times in a row.
    pub(crate) fn times(self, count: u64) -> Cell {
        Cell(self.0.map(|run| Box::new(move || (0..count).for_each(|_| run())) as Box<dyn Fn()>))
    }

    fn time(&self) -> Option<Duration> {
        self.0.as_ref().map(|run| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
    }
}

/// One operation, in each of the columns.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// How many operations one turn of a cell does.
    operations: u64,
    cells: [Cell; 3],
}

impl Row {
    pub(crate) fn new(name: &'static str, operations: u64, cells: [Cell; 3]) -> Row {
        Row { name, operations, cells }
    }
}

/// The times in ns per operation.
pub(crate) struct Table {
    columns: [&'static str; 3],
    rows: Vec<(&'static str, [Option<f64>; 3])>,
    rounds: usize,
    /// By how much the median turn of a cell was slower than its fastest: the most of all cells.
    noise: f64,
}

impl Table {
    pub(crate) fn measure(columns: [&'static str; 3], rows: Vec<Row>, rounds: usize) -> Table {
        let mut times: Vec<[Vec<Duration>; 3]> = rows.iter().map(|_| Default::default()).collect();
        for _ in 0..rounds {
            for (row, times) in rows.iter().zip(&mut times) {
                for (cell, times) in row.cells.iter().zip(times) {
                    times.extend(cell.time());
                }
            }
        }
        times.iter_mut().flatten().for_each(|times| times.sort_unstable());
        let excess = |times: &Vec<Duration>| {
            times
                .first()
                .map(|fastest| times[times.len() / 2].as_secs_f64() / fastest.as_secs_f64() - 1.0)
        };
        let noise = times.iter().flatten().filter_map(excess).fold(0.0, f64::max);
        let fastest = |row: &Row, times: &Vec<Duration>| {
            times.first().map(|time| time.as_nanos() as f64 / row.operations as f64)
        };
        let rows = rows.iter().zip(&times);
        let rows = rows.map(|(row, times)| (row.name, times.each_ref().map(|t| fastest(row, t))));
        Table { columns, rows: rows.collect(), rounds, noise }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, third] = self.columns;
        writeln!(f, "| {:<38} | {first} | {second} | {third} |", "ns per operation")?;
        writeln!(f, "|:{:-<38}-|{}", "", self.columns.map(rule).concat())?;
        for (name, cells) in &self.rows {
            write!(f, "| {name:<38} |")?;
            for (time, column) in cells.iter().zip(self.columns) {
                let width = column.len();
                match time {
                    Some(time) => write!(f, " {time:>width$.1} |")?,
                    None => write!(f, " {:>width$} |", "")?,
                }
            }
            writeln!(f)?;
        }
        let (rounds, noise) = (self.rounds, self.noise * 100.0);
        writeln!(f)?;
        writeln!(f, "The fastest of {rounds} rounds; a cell's median is up to {noise:.0}% above.")
    }
}

/// The line under a column's head.
fn rule(column: &str) -> String {
    format!("-{}:|", "-".repeat(column.len()))
}
