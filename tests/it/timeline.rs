//! Traces as pictures.

use std::time::Duration;

use seedloop::{
    Error, Future, Lock, Trace, busy, call_later, gather, log, sleep, spawn_named, trace_of,
    yield_now,
};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn cars_on_one_road() {
    let trace = trace_of(async {
        let road = Lock::new();
        let car = |name: &'static str, secs: u32| {
            let road = road.clone();
            spawn_named(name, async move {
                let bridge = road.acquire().await?;
                sleep(secs * SECOND).await?;
                drop(bridge);
                log("across");
                Ok::<(), Error>(())
            })
        };
        gather((car("car1", 2), car("car2", 1))).await?;
        Ok::<(), Error>(())
    });
    insta::assert_snapshot!(trace.timeline().width(92), @r#"
    time | main                | car1                | car2                | loop
     0ns |                     |                     |                     | outside spawns main
         | spawns car1         |                     |                     |
         | spawns car2         |                     |                     |
         | waits for gather c3 |                     |                     |
         | until 3s            |                     |                     |
         | |                   | sleeps until 2s     | :                   |
         | |                   | |                   | waits for           |
         | |                   | |                   | Lock::acquire 2/c1  |
         | |                   | |                   | until 2s            |
      2s | |                   | resolves            | |                   |
         | |                   | Lock::acquire 2/c1  | |                   |
         | |                   | "across"            | |                   |
         | |                   | finished            | |                   |
         | |                   |                     | sleeps until 3s     |
      3s | |                   |                     | "across"            |
         | |                   |                     | finished            |
         | |                   |                     |                     | done callback c5
         | |                   |                     |                     | resolves gather c3
         | finished            |                     |                     |
         |                     |                     |                     | done callback c0/c2
         |                     |                     |                     | stops the loop
    "#);
    insta::assert_snapshot!(trace.timeline().width(60), @r#"
    time | main            | other tasks     | loop
     0ns |                 |                 | outside spawns
         |                 |                 | main
         | spawns car1     |                 |
         | spawns car2     |                 |
         | waits for       |                 |
         | gather c3 until |                 |
         | 3s              |                 |
         | |               | car1 sleeps     |
         | |               | until 2s        |
         | |               | car2 waits for  |
         | |               | Lock::acquire   |
         | |               | 2/c1 until 2s   |
      2s | |               | car1 resolves   |
         | |               | Lock::acquire   |
         | |               | 2/c1            |
         | |               | car1 "across"   |
         | |               | car1 finished   |
         | |               | car2 sleeps     |
         | |               | until 3s        |
      3s | |               | car2 "across"   |
         | |               | car2 finished   |
         | |               |                 | done callback
         | |               |                 | c5 resolves
         | |               |                 | gather c3
         | finished        |                 |
         |                 |                 | done callback
         |                 |                 | c0/c2 stops the
         |                 |                 | loop
    "#);
}

#[test]
fn who_waits_for_ever_and_what_is_no_tasks() {
    let trace = trace_of(async {
        let never: Future<()> = Future::new();
        let waiter = spawn_named("waiter", never);
        let sleeper = spawn_named("sleeper", async {
            yield_now().await?;
            sleep(9 * SECOND).await
        });
        let worker = sleeper.id();
        call_later(SECOND, move || {
            log("enough");
            worker.cancel();
        });
        busy(SECOND / 2);
        let _ = sleeper.await;
        waiter.await
    });
    insta::assert_snapshot!(trace.timeline().width(80), @r#"
     time | main            | waiter          | sleeper         | loop
      0ns |                 |                 |                 | outside spawns
          |                 |                 |                 | main
          | spawns waiter   |                 |                 |
          | spawns sleeper  |                 |                 |
          | arms timer c4   |                 |                 |
          | for 1s          |                 |                 |
          | is busy for     |                 |                 |
          | 500ms           |                 |                 |
          | waits for       |                 |                 |
          | sleeper until   |                 |                 |
          | 1s              |                 |                 |
    500ms | |               | waits for       | :               |
          | |               | Future c1 for   | :               |
          | |               | ever            | :               |
          | |               | |               | yields          |
          | |               | |               | sleeps until    |
          | |               | |               | 9.5s            |
       1s | |               | |               | |               | timer c4
          | |               | |               | |               | "enough"
          | |               | |               | |               | timer c4
          | |               | |               | |               | cancels sleeper
          | |               | |               | was cancelled   |
          | waits for       | |               |                 |
          | waiter for ever | |               |                 |
    "#);
}

#[test]
fn lanes_that_do_not_fit_share_one_and_long_words_are_broken() {
    let trace = trace_of(async {
        let said = |name: &str| spawn_named(name, async { log("Donaudampfschifffahrt") });
        gather(["a", "b", "c", "d"].map(said)).await
    });
    insta::assert_snapshot!(trace.timeline().width(72), @r#"
    time | main           | a              | other tasks    | loop
     0ns |                |                |                | outside spawns
         |                |                |                | main
         | spawns a       |                |                |
         | spawns b       |                |                |
         | spawns c       |                |                |
         | spawns d       |                |                |
         | waits for      |                |                |
         | gather c5      |                |                |
         | |              | "Donaudampfsch |                |
         | |              | ifffahrt"      |                |
         | |              | finished       |                |
         | |              |                | b              |
         | |              |                | "Donaudampfsch |
         | |              |                | ifffahrt"      |
         | |              |                | b finished     |
         | |              |                | c              |
         | |              |                | "Donaudampfsch |
         | |              |                | ifffahrt"      |
         | |              |                | c finished     |
         | |              |                | d              |
         | |              |                | "Donaudampfsch |
         | |              |                | ifffahrt"      |
         | |              |                | d finished     |
         | |              |                |                | done callback
         | |              |                |                | c9 resolves
         | |              |                |                | gather c5
         | finished       |                |                |
         |                |                |                | done callback
         |                |                |                | c0/c2 stops
         |                |                |                | the loop
    "#);
    for width in [0, 1, 20, 40, 200] {
        let picture = trace.timeline().width(width).to_string();
        assert!(picture.lines().count() > 5 && !picture.lines().any(|line| line.ends_with(' ')));
    }
    assert_eq!(Trace::default().timeline().to_string(), "time | loop\n");
}

#[test]
fn perfetto_gets_a_track_per_task_and_a_slice_per_wait() {
    let trace = trace_of(async {
        let napper = spawn_named("napper", async {
            busy(SECOND);
            sleep(2 * SECOND).await
        });
        napper.await
    });
    let json: serde_json::Value = serde_json::from_str(&trace.to_perfetto_json()).expect("JSON");
    let events = json["traceEvents"].as_array().expect("a list");
    let track = |name: &str| {
        let track = events.iter().find(|event| event["args"]["name"] == name);
        track.expect("a track")["tid"].clone()
    };
    let slices = |name: &str| -> Vec<(String, f64, f64)> {
        let mine = |event: &&serde_json::Value| event["ph"] == "X" && event["tid"] == track(name);
        let slice = |event: &serde_json::Value| {
            let micros = |key: &str| event[key].as_f64().expect("a number");
            (event["name"].as_str().expect("a name").into(), micros("ts"), micros("dur"))
        };
        events.iter().filter(mine).map(slice).collect()
    };
    assert_eq!(slices("main"), [("waits for napper".into(), 0.0, 3e6)]);
    assert_eq!(
        slices("napper"),
        [("is busy for 1s".into(), 0.0, 1e6), ("waits for sleep 1/c1".into(), 1e6, 2e6)]
    );
    let said = events.iter().filter(|event| event["ph"] == "i").count();
    let waits = events.iter().filter(|event| event["ph"] == "X").count();
    let tracks = events.iter().filter(|event| event["ph"] == "M").count();
    assert_eq!(said + waits, trace.events().len());
    assert_eq!(said + waits + tracks, events.len());
}
