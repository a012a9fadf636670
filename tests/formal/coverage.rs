//! Every operation and every kind of answer is met, so that none is agreed on by never being asked.

use std::collections::BTreeMap;

use seedloop::lockstep::Step;

use crate::{keep, programs};

/// The operations, and of the answers those that say more than the operation.
const MET: [&str; 44] = [
    "Abort",
    "Arm",
    "Await Done",
    "Await Pending",
    "Await Told",
    "BeginCall",
    "BeginCall None",
    "BeginIteration",
    "BeginIteration Advanced",
    "BeginIteration Idle",
    "BeginStep",
    "BeginStep Drop",
    "BeginStep Ended",
    "Busy",
    "CallSoon",
    "Cancel",
    "CancelCall",
    "CancelCall false",
    "CancelTask",
    "CancelTask false",
    "CountCancel",
    "EndAwait",
    "EndStep",
    "FutureNew",
    "FutureNew Children",
    "FutureRelease",
    "FutureRelease with callbacks",
    "GiveUp",
    "Observe",
    "OnDone",
    "RemoveOnDone",
    "RemoveOnDone false",
    "Resolve",
    "Resolve Failed",
    "SetStopping",
    "Slip",
    "Spawn",
    "Take",
    "Take out of order",
    "TakeMessage",
    "TakeObserved",
    "TakeObserved some",
    "TaskRelease",
    "Uncancel",
];

/// Under which names a step counts.
fn names(step: &Step) -> Vec<String> {
    let (op, answer) = (format!("{:?}", step.op), format!("{:?}", step.answer));
    let op_name = op.split('(').next().unwrap_or_default().to_string();
    let more = match op_name.as_str() {
        "PollAwait" => {
            let found = answer.trim_start_matches("Await(").split([',', '(']).next();
            return vec![format!("Await {}", found.unwrap_or_default())];
        }
        "BeginCall" if answer == "Action(None)" => "None",
        "BeginIteration" if answer.contains("Advanced") => "Advanced",
        "BeginIteration" if answer.contains("Idle") => "Idle",
        "BeginStep" if answer.contains("Drop") => "Drop",
        "BeginStep" if answer.contains("Ended") => "Ended",
        "CancelCall" | "CancelTask" | "RemoveOnDone" if answer == "Bool(false)" => "false",
        "FutureNew" if op.contains("Children") => "Children",
        "FutureRelease" if answer != "Calls([])" => "with callbacks",
        "Resolve" if op.contains("Failed") => "Failed",
        "Take" if op != "Take(0)" => "out of order",
        "TakeObserved" if answer != "Futures([])" => "some",
        _ => return vec![op_name],
    };
    vec![op_name.clone(), format!("{op_name} {more}")]
}

#[test]
fn every_operation_is_met_and_agreed_on() {
    let mut met: BTreeMap<String, u64> = BTreeMap::new();
    let mut runs = 0;
    for (name, program) in programs::ALL {
        let logs = keep::logs_of(program);
        assert!(!logs.is_empty(), "{name} runs");
        runs += logs.len();
        for step in logs.iter().flat_map(|log| &log.steps) {
            names(step).into_iter().for_each(|name| *met.entry(name).or_default() += 1);
        }
    }
    let missing: Vec<_> = MET.iter().filter(|name| !met.contains_key(**name)).collect();
    assert!(missing.is_empty(), "never met: {missing:?}; met: {met:?}");
    let (operations, ns) = keep::cost();
    println!("{runs} runs, {operations} operations, {ns} ns each");
}
