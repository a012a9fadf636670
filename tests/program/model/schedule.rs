//! The running Rust under a given list of choices.

use std::{cell::RefCell, rc::Rc};

use seedloop::{
    Config, Runner,
    sched::{ChoiceKind, Guarantee, Menu, RunPlan, RunReport, Scheduler},
};
use serde_json::Value as Json;

use crate::{grammar::Program, run::run};

/// A menu's length, and what was picked.
pub(crate) type Choice = (u64, u64);

/// Picks from a list, and asyncio's order after it.
struct Listed {
    picks: Vec<u64>,
    asked: Rc<RefCell<Vec<Choice>>>,
}

impl Scheduler for Listed {
    fn choose(&mut self, menu: &Menu<'_>) -> u32 {
        assert_eq!(menu.kind(), ChoiceKind::Order, "nothing else is offered");
        let mut asked = self.asked.borrow_mut();
        let len = u64::from(menu.len());
        let pick = self.picks.get(asked.len()).copied().unwrap_or(0) % len;
        asked.push((len, pick));
        pick as u32
    }

    fn next_run(&mut self, last: Option<&RunReport>) -> Option<RunPlan> {
        last.is_none().then_some(RunPlan { run: 0 })
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::One
    }
}

/// Runs the program with these choices: the trace, and the menus that were asked.
pub(crate) fn run_with(program: &'static Program, picks: Vec<u64>) -> (Vec<Json>, Vec<Choice>) {
    let asked = Rc::new(RefCell::new(Vec::new()));
    let scheduler = Listed { picks, asked: asked.clone() };
    let runner = Runner::with_scheduler(Config::default(), Box::new(scheduler));
    let ended = run(program, runner).unwrap_or_else(|divergence| panic!("{divergence}"));
    let lines = ended.interpreter.lines().into_iter().filter_map(comparable).collect();
    let asked = asked.take();
    (lines, asked)
}

/// Whether somebody has looked at an error, and what is said when nobody did, depends on what
/// keeps objects alive: it is not the model's matter.
pub(crate) fn comparable(mut line: Json) -> Option<Json> {
    let message = line["msg"].as_str().unwrap_or_default();
    if line["ev"] == "exc_handler" && message.ends_with("exception was never retrieved") {
        return None;
    }
    line.as_object_mut().expect("an object").shift_remove("unretrieved");
    Some(line)
}
