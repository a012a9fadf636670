//! Times cells of the table with criterion, and reads what it has written.

use std::{path::Path, time::Duration};

use criterion::{Criterion, Throughput};

use crate::programs::Row;

/// One column.
pub struct Bench {
    criterion: Criterion,
    column: &'static str,
}

impl Bench {
    /// Writes to the folder. The words after `--` pick the cells, as always with criterion.
    pub fn new(folder: &Path, column: &'static str) -> Bench {
        let criterion = Criterion::default()
            .without_plots()
            .sample_size(20)
            .warm_up_time(Duration::from_millis(100))
            .measurement_time(Duration::from_millis(500))
            .configure_from_args()
            .output_directory(folder);
        Bench { criterion, column }
    }

    /// Times a turn, which does the row's operations.
    pub fn cell(&mut self, row: Row, mut turn: impl FnMut()) {
        let mut group = self.criterion.benchmark_group(row.name);
        group.throughput(Throughput::Elements(row.operations));
        group.bench_function(self.column, |bencher| bencher.iter(&mut turn));
        group.finish();
    }
}
