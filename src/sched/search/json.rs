//! Evidence as a file, so that it can be checked elsewhere and later.

use serde_json::{Value, json};

use super::{
    super::{Access, ChoiceKind, Footprint, InStep, Step, StepId},
    Evidence,
};

impl Evidence {
    /// As JSON: `start`, the owners that are ready at first; `steps`, each with its `owner`,
    /// `ordinal`, what it `touched` (objects, each with the numbers of its accesses added up;
    /// `all` is everything) and its `choices` (kind, menu, value); `runs`, as places in the list of
    /// steps. Owners and objects are hexadecimal. Needs the feature `json`.
    ///
    /// # Examples
    /// ```
    /// use seedloop::sched::Evidence;
    /// let evidence = Evidence::new([7]);
    /// assert_eq!(evidence.to_json(), r#"{"start":["7"],"steps":[],"runs":[]}"#);
    /// ```
    pub fn to_json(&self) -> String {
        let start: Vec<String> = self.start.iter().map(|owner| format!("{owner:x}")).collect();
        let steps: Vec<Value> = self.steps().iter().map(step_to_json).collect();
        json!({ "start": start, "steps": steps, "runs": self.runs() }).to_string()
    }

    /// Reads what [`to_json`](Evidence::to_json) has written.
    ///
    /// # Errors
    /// What is wrong with the text.
    ///
    /// # Examples
    /// ```
    /// use seedloop::sched::Evidence;
    /// let nothing = Evidence::from_json(r#"{"start":[],"steps":[],"runs":[]}"#).unwrap();
    /// assert!(nothing.check().is_ok());
    /// let error = Evidence::from_json(r#"{"start":[],"steps":[],"runs":[[3]]}"#).unwrap_err();
    /// assert_eq!(error, "run 0 names step 3, and there are 0 steps");
    /// ```
    pub fn from_json(text: &str) -> Result<Evidence, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let start = list(&value, "start")?.iter().map(hex).collect::<Result<Vec<u64>, _>>()?;
        let steps: Vec<Step> =
            list(&value, "steps")?.iter().map(step_from_json).collect::<Result<_, _>>()?;
        let mut evidence = Evidence::new(start);
        for (at, run) in list(&value, "runs")?.iter().enumerate() {
            let numbers = run.as_array().ok_or_else(|| format!("run {at} is no list"))?;
            let step = |number: &Value| {
                let known = number.as_u64().and_then(|number| steps.get(number as usize));
                let missing =
                    || format!("run {at} names step {number}, and there are {} steps", steps.len());
                known.cloned().ok_or_else(missing)
            };
            evidence.add(&numbers.iter().map(step).collect::<Result<Vec<Step>, _>>()?);
        }
        Ok(evidence)
    }
}

fn step_to_json(step: &Step) -> Value {
    let objects = step.footprint.objects();
    let touched: Vec<_> = objects.map(|(object, ways)| (format!("{object:x}"), ways)).collect();
    let choices: Vec<_> = step
        .choices
        .iter()
        .map(|choice| (choice.kind.letter(), choice.menu, choice.value))
        .collect();
    json!({
        "owner": format!("{:x}", step.id.owner),
        "ordinal": step.id.ordinal,
        "all": step.footprint.is_all(),
        "touched": touched,
        "choices": choices,
    })
}

fn step_from_json(value: &Value) -> Result<Step, String> {
    let wrong = |what: &str| format!("a step's {what} is missing or malformed: {value}");
    let owner = value.get("owner").ok_or_else(|| wrong("owner")).and_then(hex)?;
    let ordinal = value.get("ordinal").and_then(small).ok_or_else(|| wrong("ordinal"))?;
    let all = value.get("all").and_then(Value::as_bool).ok_or_else(|| wrong("all"))?;
    let mut touched = Vec::new();
    for pair in list(value, "touched")? {
        let object = pair.get(0).ok_or_else(|| wrong("touched")).and_then(hex)?;
        let ways = pair.get(1).and_then(Value::as_u64).filter(|ways| (1..32).contains(ways));
        let ways = ways.ok_or_else(|| wrong("touched"))?;
        let accesses = Access::ALL.into_iter().filter(|&access| ways & access as u64 != 0);
        touched.extend(accesses.map(|access| (object, access)));
    }
    let mut choices = Vec::new();
    for choice in list(value, "choices")? {
        let letter = choice.get(0).and_then(Value::as_str);
        let kind = ChoiceKind::ALL
            .into_iter()
            .find(|kind| letter.is_some_and(|letter| letter.chars().eq([kind.letter()])));
        let (menu, value) = (choice.get(1).and_then(small), choice.get(2).and_then(small));
        match (kind, menu, value) {
            (Some(kind), Some(menu), Some(value)) if value < menu => {
                choices.push(InStep { kind, menu, value });
            }
            _ => return Err(wrong("choices")),
        }
    }
    let id = StepId { owner, ordinal };
    Ok(Step { id, footprint: Footprint::new(touched, all), choices })
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>, String> {
    let found = value.get(key).and_then(Value::as_array);
    found.ok_or_else(|| format!("there is no list {key:?}"))
}

fn hex(value: &Value) -> Result<u64, String> {
    let number = value.as_str().and_then(|text| u64::from_str_radix(text, 16).ok());
    number.ok_or_else(|| format!("{value} is no hexadecimal number of 64 bits"))
}

fn small(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|number| number.try_into().ok())
}
