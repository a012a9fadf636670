//! Searches on several threads: their number must not show.

use seedloop::{Check, Error, FailureKind, Level, Report, Tracked, gather, spawn, yield_now};

/// Each of some tasks writes its number over what the one before it wrote, if it comes after that.
async fn relay(tasks: u32) -> Result<u32, Error> {
    let baton = Tracked::new(0);
    let run = |mine: u32, baton: Tracked<u32>| async move {
        yield_now().await?;
        if baton.get() + 1 == mine {
            baton.set(mine);
        }
        Ok::<(), Error>(())
    };
    gather((1..=tasks).map(|mine| run(mine, baton.clone()))).await?;
    Ok(baton.get())
}

fn same_for_all(check: impl Fn() -> Check, tasks: u32) -> Report {
    let program = move || async move { relay(tasks).await.map(drop) };
    let alone = check().run(program);
    for jobs in [1, 2, 7] {
        assert_eq!(check().jobs(jobs).run(program), alone, "{jobs} threads");
    }
    alone
}

#[test]
fn threads_do_not_show_in_reports() {
    let all = same_for_all(|| Check::new().exhaustive(), 3);
    assert!(all.level == Level::Interleavings && all.schedules > 1_000, "{all}");
    let classes = same_for_all(|| Check::new().exhaustive().tracked(), 5);
    assert!(matches!(classes.level, Level::Behaviours { .. }), "{classes}");
    assert!(classes.schedules + classes.abandoned > 128, "more than a part: {classes}");
    let near = same_for_all(|| Check::new().deviations(3), 4);
    assert!(near.level == Level::Within(3) && near.schedules > 300, "{near}");
}

#[test]
fn threads_do_not_show_where_a_search_is_cut() {
    for schedules in [1, 100, 128, 129, 600] {
        let checks = [Check::new().exhaustive(), Check::new().deviations(9)];
        for check in checks.map(|check| check.schedules(schedules)) {
            let cut = same_for_all(|| check.clone(), 4);
            assert_eq!((cut.level, cut.schedules), (Level::Unfinished, schedules), "{cut}");
        }
    }
}

#[test]
fn threads_do_not_show_in_failures() {
    let backwards = || async {
        let won = relay(4).await?;
        assert!(won < 4, "all in turn");
        Ok::<(), Error>(())
    };
    let cancelled = || async {
        let won = spawn(relay(3)).cancellable().await.unwrap_or(0);
        assert_ne!(won, 2, "two of three");
        Ok::<(), Error>(())
    };
    let checks = [
        Check::new().exhaustive(),
        Check::new().exhaustive().tracked(),
        Check::new().deviations(6),
    ];
    for check in checks {
        let alone = check.clone().try_run(backwards).unwrap_err();
        let faulty = check.clone().cancellations(1);
        let stopped = faulty.clone().try_run(cancelled).unwrap_err();
        assert!([FailureKind::Panic, FailureKind::Error].contains(&stopped.kind));
        for jobs in [2, 5] {
            let other = check.clone().jobs(jobs).try_run(backwards).unwrap_err();
            assert_eq!(other.to_string(), alone.to_string(), "{jobs} threads");
            let other = faulty.clone().jobs(jobs).try_run(cancelled).unwrap_err();
            assert_eq!(other.to_string(), stopped.to_string(), "{jobs} threads");
        }
    }
}
