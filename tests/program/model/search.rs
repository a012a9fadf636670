//! Every schedule of one program, on the model and in the running Rust. The model's states are
//! shared along the tree of choices; the Rust runs each schedule from its start.

use seedloop_oracle::{Model, Value};

use super::{
    FUEL, Spoken, compare, made,
    schedule::{Choice, run_with},
};

/// Goes through the schedules of the program; gives how many there are.
pub(crate) fn every_schedule(model: &Model, text: &str) -> u64 {
    let parsed = made(text);
    let spoken = Spoken::new(model, parsed).expect("the model has words for it");
    let mut schedules = 0;
    let mut open: Vec<(Value, Vec<Choice>)> = vec![(spoken.start(), Vec::new())];
    while let Some((mut world, choices)) = open.pop() {
        let menu = loop {
            if spoken.is_over(&world) {
                break 0;
            }
            match spoken.menu(&world) {
                Some(len) => break len,
                None => world = spoken.step(0, world),
            }
        };
        for pick in (0..menu).rev() {
            let choices = [choices.clone(), vec![(menu, pick)]].concat();
            open.push((spoken.step(pick, world.clone()), choices));
        }
        if menu == 0 {
            schedules += 1;
            let (trace, asked) = run_with(parsed, choices.iter().map(|choice| choice.1).collect());
            let told = spoken.told(&spoken.report(world));
            compare(&trace, &told.trace, &format!("{choices:?} in {text}"));
            assert_eq!(asked, choices, "in {text}");
        }
    }
    schedules
}

impl Spoken<'_> {
    fn call(&self, function: &str, arguments: Vec<Value>) -> Value {
        self.words.model.call(function, arguments)
    }

    fn start(&self) -> Value {
        self.call("init", vec![self.program.clone()])
    }

    fn is_over(&self, world: &Value) -> bool {
        self.words.model.name_of(&self.call("is_over", vec![world.clone()])) == "True"
    }

    fn menu(&self, world: &Value) -> Option<u64> {
        let menu = self.call("menu", vec![world.clone()]);
        self.words.model.to_option(&menu).map(|len| len.number())
    }

    fn step(&self, pick: u64, world: Value) -> Value {
        let (fuel, pick) = (Value::Number(FUEL), Value::Number(pick));
        self.call("step_at", vec![self.program.clone(), fuel, pick, world])
    }

    fn report(&self, world: Value) -> Value {
        let nothing = self.words.model.list([]);
        self.call("report_of", vec![self.words.model.pair(world, nothing)])
    }
}
