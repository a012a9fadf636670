//! Exhaustive checks as a user runs them.

use std::{cell::Cell, rc::Rc};

use seedloop::{
    Check, Error, FailureKind, Level, Lock, Task, Tracked, gather,
    sched::{Evidence, Step},
    sleep, spawn, yield_now,
};

/// Two tasks read, yield, write.
async fn lost_update(lock: Option<Lock>) -> Result<(), Error> {
    let count = Tracked::new(0);
    let add = |count: Tracked<i32>, lock: Option<Lock>| async move {
        let _guard = match &lock {
            Some(lock) => Some(lock.acquire().await?),
            None => None,
        };
        let read = count.get();
        yield_now().await?;
        count.set(read + 1);
        Ok::<(), Error>(())
    };
    gather((add(count.clone(), lock.clone()), add(count.clone(), lock))).await?;
    assert_eq!(count.get(), 2, "an update was lost");
    Ok(())
}

#[test]
fn a_bug_is_found_and_its_token_replays_it() {
    for check in [Check::new().exhaustive(), Check::new().exhaustive().tracked()] {
        let failure = check.try_run(|| lost_update(None)).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Panic);
        assert!(failure.text.contains("an update was lost"), "{failure}");
        assert!(failure.to_string().starts_with("Panic in schedule 1 of the search"), "{failure}");
        let token = failure.token.expect("a schedule has failed");
        assert!(token.settings.one_by_one);
        let mut again = seedloop::Runner::replay(&token).expect("a token that was just made");
        assert!(again.run(lost_update(None)).is_err());
        assert_eq!(again.finish().divergence, None);
    }
}

#[test]
fn without_a_bug_the_report_says_what_was_obtained() {
    let all = Check::new().exhaustive().run(|| lost_update(Some(Lock::new())));
    assert_eq!(all.level, Level::Interleavings);
    let classes =
        Check::new().exhaustive().tracked().run(|| async { lost_update(Some(Lock::new())).await });
    assert!(matches!(classes.level, Level::Behaviours { swaps: 1.., .. }), "{classes}");
    assert!(classes.schedules < all.schedules, "{classes}\n{all}");
    let text = classes.to_string();
    assert!(text.starts_with("exhausted: every behaviour, "), "{text}");
    assert!(text.contains("certificate OK"), "{text}");
}

#[test]
fn state_that_is_not_tracked_is_found_by_the_audit() {
    let failure = Check::new().exhaustive().tracked().try_run(|| async {
        let turn = Rc::new(Cell::new(0));
        let take = |turn: Rc<Cell<u32>>, mine: u32| async move {
            yield_now().await?;
            // Nobody sees that the tasks share this.
            if turn.replace(mine) == 0 {
                yield_now().await?;
            }
            Ok::<(), Error>(())
        };
        let a = seedloop::spawn_named("a", take(turn.clone(), 1));
        let b = seedloop::spawn_named("b", take(turn.clone(), 2));
        a.await?;
        b.await
    });
    let failure = failure.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Dependence, "{failure}");
    assert!(failure.text.contains("state that is not tracked"), "{failure}");
    let text = failure.to_string();
    assert!(text.starts_with("steps of a and b") || text.starts_with("steps of b and a"), "{text}");
    assert!(text.contains("what happened:") && failure.token.is_none(), "{text}");
}

/// A task that calls itself tracked, and is not, is found by the audit, too; what the others share
/// need not be.
#[test]
fn tasks_are_tracked_one_by_one() {
    let check = || Check::new().exhaustive().tracked_tasks();
    let program = |lies: bool| {
        move || async move {
            let (seen, turns) = (Tracked::new(0), Rc::new(Cell::new(0)));
            let count = |turns: Rc<Cell<u32>>, own: u32| async move {
                yield_now().await?;
                if turns.replace(own) == 0 {
                    yield_now().await?;
                }
                Ok::<(), Error>(())
            };
            let look = |seen: Tracked<i32>| async move {
                yield_now().await?;
                seen.set(seen.get() + 1);
                Ok::<(), Error>(())
            };
            let lookers = [0; 2].map(|_| spawn(look(seen.clone())).tracked());
            let task = spawn(count(turns.clone(), 1));
            match lies {
                true => gather([task, spawn(count(turns, 2))].map(Task::tracked)).await?,
                false => vec![task.await?],
            };
            gather(lookers).await.map(drop)
        }
    };
    let report = check().run(program(false));
    assert!(matches!(report.level, Level::Behaviours { .. }), "{report}");
    let all = Check::new().exhaustive().run(program(false));
    assert!(report.schedules < all.schedules, "{report}\n{all}");
    let failure = check().try_run(program(true)).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Dependence, "{failure}");
}

#[test]
fn evidence_is_checked_from_its_file_alone() {
    let path = std::env::temp_dir().join(format!("seedloop-evidence-{}", std::process::id()));
    let check = Check::new().exhaustive().tracked().evidence_file(&path);
    let report = check.run(|| lost_update(Some(Lock::new())));
    let text = std::fs::read_to_string(&path).expect("it was written");
    std::fs::remove_file(&path).expect("it is ours");
    let evidence = Evidence::from_json(&text).expect("it reads back");
    assert_eq!(evidence.to_json(), text);
    let certificate = evidence.check().expect("it is complete");
    assert_eq!(certificate.runs, report.schedules);
    // Any run that is left out is missed.
    let steps = evidence.steps();
    for missing in evidence.runs() {
        let mut less = Evidence::new([steps[evidence.runs()[0][0] as usize].id.owner]);
        for run in evidence.runs().iter().filter(|run| *run != missing) {
            let run: Vec<Step> = run.iter().map(|&step| steps[step as usize].clone()).collect();
            less.add(&run);
        }
        assert!(less.check().is_err(), "nobody misses {missing:?}");
    }
    let nowhere = Check::new().exhaustive().tracked().evidence_file("/nowhere/evidence.json");
    assert_eq!(nowhere.try_run(|| async {}).unwrap_err().kind, FailureKind::Usage);
}

#[test]
fn a_search_that_is_cut_short_says_so() {
    let program = || async {
        let tasks = [1, 2, 3].map(|_| spawn(async { yield_now().await }));
        for task in tasks {
            task.await?;
        }
        Ok::<(), Error>(())
    };
    let report = Check::new().exhaustive().schedules(10).run(program);
    assert_eq!((report.level, report.schedules), (Level::Unfinished, 10));
    assert!(report.to_string().starts_with("not exhausted: stopped after 10 schedules"));
    let report = Check::new().deviations(1).schedules(2).run(program);
    assert_eq!(report.level, Level::Unfinished);
}

#[test]
fn a_program_that_its_schedule_does_not_determine_is_no_tree_to_search() {
    let calls = Cell::new(0);
    let failure = Check::new().exhaustive().try_run(|| {
        calls.set(calls.get() + 1);
        let odd = calls.get() % 2;
        async move {
            for _ in 0..odd {
                yield_now().await?;
            }
            gather([yield_now(), yield_now()]).await.map(drop)
        }
    });
    assert_eq!(failure.unwrap_err().kind, FailureKind::Nondeterminism);
}

/// A callback that is still ready when the loop ends for good never runs; it could have, before.
#[test]
fn what_is_left_at_the_end_is_tried_before_it() {
    let failure = Check::new().exhaustive().tracked().try_run(|| async {
        let done = Tracked::new(false);
        let (seen, set) = (done.clone(), done.clone());
        seedloop::at_end(move || assert!(!seen.get(), "the callback ran before the end"));
        seedloop::call_soon(move || set.set(true));
    });
    assert_eq!(failure.unwrap_err().kind, FailureKind::Invariant);
}

/// A timer that is due at once waits for nothing, least of all for tasks that have nothing to do
/// with it.
#[test]
fn a_due_timer_runs_at_any_place() {
    let order = |check: Check| {
        check.try_run(|| async {
            let fired = Tracked::new(false);
            let (seen, set) = (fired.clone(), fired.clone());
            let task = spawn(async move {
                yield_now().await?;
                yield_now().await?;
                assert!(!seen.get(), "the timer came first");
                Ok::<(), Error>(())
            });
            seedloop::call_later(std::time::Duration::ZERO, move || set.set(true));
            task.await
        })
    };
    assert_eq!(order(Check::new().exhaustive().tracked()).unwrap_err().kind, FailureKind::Panic);
    assert_eq!(order(Check::new().exhaustive()).unwrap_err().kind, FailureKind::Panic);
}

#[test]
fn virtual_time_is_searched_too() {
    // The reply comes at 5 s, the timeout at 5 s: either may be first.
    let failure = Check::new().exhaustive().tracked().try_run(|| async {
        let five = std::time::Duration::from_secs(5);
        seedloop::timeout(five, sleep(five)).await
    });
    assert_eq!(failure.unwrap_err().kind, FailureKind::Error);
}
