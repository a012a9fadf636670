//! Programs of SCTBench as tasks and as threads: where the steps are the same, so are the classes,
//! and what they come to. The programs are those of `benches/firstbug`, compiled here twice.
//!
//! Their locks go to anybody, as those of `pthread` do; a lock of threads is a token in a channel,
//! since its guard must live across the awaits that the programs have.

#![allow(clippy::duplicate_mod)] // Two worlds for the same text: that is the point.

use std::{cell::RefCell, rc::Rc};

use futures::FutureExt;
use seedloop::{
    Config, Error,
    sched::{Reduction, Search},
};

use super::{Program, Read, explore};

/// What the tasks or threads of a program have come to, in order.
type Ends = Rc<RefCell<Vec<Box<dyn Fn() -> Option<bool>>>>>;

thread_local! {
    /// Those of the program that is being set up.
    static ENDS: RefCell<Ends> = RefCell::default();
}

/// All tasks or threads are there before any of them runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Start;

/// The program's own assertion.
fn ensure(holds: bool) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(Error::InvalidState("the program's assertion does not hold")) }
}

/// Says what a task or thread of the program has come to.
fn ends(end: impl Fn() -> Option<bool> + 'static) {
    ENDS.with_borrow(|ends| ends.borrow_mut().push(Box::new(end)));
}

/// Sets a program up: all but its main's joins.
fn program<F: Future + 'static>(main: impl Fn() -> F + 'static) -> Program {
    Rc::new(move || -> Read {
        let ends = Ends::default();
        ENDS.set(ends.clone());
        let mut main = Box::pin(main());
        assert!(main.as_mut().now_or_never().is_none(), "it waits for what it has started");
        Box::new(move || {
            let _joins = &main;
            let told = |end: Option<bool>| match end {
                None => '-',
                Some(true) => 'y',
                Some(false) => 'n',
            };
            ends.borrow().iter().map(|end| told(end())).collect()
        })
    })
}

/// Both worlds have these programs.
macro_rules! programs {
    () => {
        #[path = "../../../../benches/firstbug/src/programs/account.rs"]
        mod account;
        #[path = "../../../../benches/firstbug/src/programs/bluetooth.rs"]
        mod bluetooth;
        #[path = "../../../../benches/firstbug/src/programs/deadlock.rs"]
        mod deadlock;
        #[path = "../../../../benches/firstbug/src/programs/reorder.rs"]
        mod reorder;
        #[path = "../../../../benches/firstbug/src/programs/string_buffer.rs"]
        mod string_buffer;
        #[path = "../../../../benches/firstbug/src/programs/twostage.rs"]
        mod twostage;
        #[path = "../../../../benches/firstbug/src/programs/work_steal_queue.rs"]
        mod work_steal_queue;
        #[path = "../../../../benches/firstbug/src/programs/wronglock.rs"]
        mod wronglock;

        /// By name.
        pub(super) fn all() -> Vec<(&'static str, super::Program)> {
            use super::program;
            vec![
                ("twostage", program(|| twostage::main(Start, 1, 1))),
                ("reorder_3", program(|| reorder::main(Start, 2, 1))),
                ("lazy01", program(|| account::lazy01(Start))),
                ("deadlock01", program(|| deadlock::main(Start))),
                ("bluetooth_driver", program(|| bluetooth::main(Start))),
                ("account", program(|| account::main(Start))),
                ("wronglock_1", program(|| wronglock::main(Start, 1, 1))),
                ("stringbuffer-jdk1.4", program(|| string_buffer::main(Start))),
                ("WorkStealQueue", program(|| work_steal_queue::main(Start))),
            ]
        }

        /// One step that reads.
        async fn read<T: Clone + Send>(cell: &Tracked<T>) -> Result<T, Error> {
            yield_now().await?;
            Ok(cell.borrow().clone())
        }

        /// One step that writes.
        async fn write<T: Send>(cell: &Tracked<T>, value: T) -> Result<(), Error> {
            yield_now().await?;
            cell.update(|old| *old = value);
            Ok(())
        }

        /// `cell += amount`, in two steps: what another does between them is lost.
        async fn add(cell: &Tracked<i64>, amount: i64) -> Result<(), Error> {
            let value = read(cell).await?;
            write(cell, value + amount).await
        }
    };
}

mod jobs;
mod tasks;

/// Searches both.
fn compare(wanted: impl Fn(&str) -> bool) {
    let config = Config::default().tracked(true);
    let both = tasks::all().into_iter().zip(jobs::all());
    for ((name, tasks), (_, jobs)) in both.filter(|((name, _), _)| wanted(name)) {
        let search = |program: &Program| {
            let mut reductions = [Reduction::Full, Reduction::Both].into_iter();
            let found = reductions.find_map(|reduction| {
                let found = explore(Search::new(reduction), program, &config, 50_000)?;
                found.check().is_ok().then_some(found)
            });
            let found = found.expect("Both suffices");
            println!("{name}: {} classes, {:?}", found.classes.len(), found.took);
            (found.classes.len(), found.outcomes)
        };
        assert_eq!(search(&jobs), search(&tasks), "{name}");
    }
}

const LARGE: &str = "WorkStealQueue";

#[test]
fn threads_have_as_many_classes_as_tasks() {
    compare(|name| name != LARGE);
}

#[test]
#[ignore = "takes half a minute"]
fn work_stealing_threads_have_as_many_classes_as_tasks() {
    compare(|name| name == LARGE);
}

/// By brute force, too; and each two neighbours that are independent may be swapped.
#[test]
#[ignore = "takes half a minute"]
fn brute_force_finds_as_much_of_threads() {
    let config = Config::default().tracked(true);
    let jobs = jobs::all();
    let search = |name: &str, reduction| {
        let (_, program) = jobs.iter().find(|(other, _)| *other == name).expect("it is one");
        explore(Search::new(reduction), program, &config, 50_000).expect("there are fewer")
    };
    for (name, interleavings) in [("lazy01", 9_976), ("bluetooth_driver", 20_672)] {
        let (brute, found) = (search(name, Reduction::None), search(name, Reduction::Both));
        assert_eq!(brute.complete, interleavings, "{name}");
        assert_eq!((brute.classes, brute.outcomes), (found.classes, found.outcomes), "{name}");
        assert_eq!(super::audit(&brute.evidence), Ok(()), "{name}");
    }
}
