//! Programs that are not quite programs: each is refused with a reason, or runs. Nothing panics.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    Program,
    check::Refusal,
    programs,
    run::{Order, load, run, runner},
};

/// Few iterations: a mutated program may run for ever.
const ITERATIONS: u64 = 300;

/// One place of a JSON value, by a walk that turns as the numbers say, and what is put there.
fn mutate(value: &mut Value, mut turns: impl Iterator<Item = usize>, new: &Value) {
    let turn = turns.next().unwrap_or(0);
    match value {
        Value::Object(fields) if !fields.is_empty() && !turn.is_multiple_of(8) => {
            let key = fields.keys().nth(turn % fields.len()).expect("within").clone();
            match turn / 8 % 6 {
                0 => drop(fields.remove(&key)),
                1 => drop(fields.insert("unknown".into(), new.clone())),
                _ => mutate(&mut fields[&key], turns, new),
            }
        }
        Value::Array(items) if !items.is_empty() && !turn.is_multiple_of(8) => {
            let at = turn % items.len();
            mutate(&mut items[at], turns, new);
        }
        place => *place = new.clone(),
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-3..40_i64).prop_map(Value::from),
        "[a-z]{0,3}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!({"op": "await", "aw": {"k": "sleep", "d": 1}})),
        Just(json!({"k": "handle", "h": "t1"})),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn a_mutated_program_is_refused_or_runs(
        which in any::<prop::sample::Index>(),
        turns in prop::collection::vec(any::<usize>(), 1..12),
        new in any_json(),
    ) {
        static PROGRAMS: LazyLock<Vec<Program>> = LazyLock::new(programs);
        let mut program: Value = serde_json::from_str(&which.get(&PROGRAMS).text).unwrap();
        mutate(&mut program, turns.into_iter(), &new);
        match load(&program.to_string()) {
            Ok(program) => {
                let runner = runner(program, Order::Random(1), ITERATIONS).unwrap();
                let ended = run(program, runner);
                prop_assert!(ended.is_ok());
            }
            Err(Refusal::Malformed(why) | Refusal::NotSimulated(why)) => {
                prop_assert!(!why.is_empty());
            }
        }
    }

    #[test]
    fn any_text_is_refused(text in ".{0,80}") {
        prop_assert!(matches!(load(&text), Err(Refusal::Malformed(_))));
    }
}
