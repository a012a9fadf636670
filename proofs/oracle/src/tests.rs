use std::collections::BTreeSet;

use crate::{Model, Value, numbers::Builtin};

const MODEL: &str = include_str!("../../extracted/model.json");

/// The definitions that are replaced give what Rust gives: as they are extracted, on small numbers.
#[test]
fn built_in_functions_do_what_the_extracted_ones_do() {
    let fast = Model::load(MODEL).unwrap();
    let plain = Model::load_with(MODEL, |_| None).unwrap();
    let names: BTreeSet<&str> = fast.names().filter(|name| Builtin::of(name).is_some()).collect();
    assert!(names.contains("add") && names.contains("leb"), "{names:?}");
    for name in names {
        // On positive numbers 0 means nothing.
        let least = u64::from(["add0", "compare"].contains(&name));
        for (a, b) in (least..12).flat_map(|a| (least..12).map(move |b| (a, b))) {
            let call = |model: &Model| {
                model.show(&model.call(name, vec![Value::Number(a), Value::Number(b)]))
            };
            assert_eq!(call(&fast), call(&plain), "{name} {a} {b}");
        }
    }
}
