//! CPython is the model's third author: without choices the model says, line by line, what CPython
//! says of every stored program that its language covers.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{Spoken, compare, schedule::comparable, with_model};
use crate::{every_run::lockstep::certify, sorted};

fn lines(trace: &str) -> Vec<Json> {
    let parse = |line| comparable(serde_json::from_str(line).expect("JSON"));
    trace.lines().filter_map(parse).collect()
}

#[test]
fn the_model_says_what_cpython_says() {
    let covered = with_model(|model| {
        let mut excused: BTreeMap<&str, u64> = BTreeMap::new();
        let mut covered = Vec::new();
        for (program, parsed) in sorted().0 {
            let spoken = match Spoken::new(model, parsed) {
                Ok(spoken) => spoken,
                Err(what) => {
                    *excused.entry(what).or_default() += 1;
                    continue;
                }
            };
            let report = spoken.run(&[]);
            let told = spoken.told(&report);
            certify::goal("programs", || spoken.claim(&report));
            let cpython = lines(&program.trace);
            compare(&cpython, &told.trace, &program.name);
            assert!(told.picks.iter().all(|&pick| pick == 0));
            covered.push(program.name);
        }
        println!("{} programs: {}", covered.len(), covered.join(" "));
        println!("not in the model's language: {excused:?}");
        covered.len()
    });
    assert_eq!(covered, 68);
}
