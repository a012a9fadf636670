//! Steps by name, and what a token says of them: which waits for which, and what was chosen
//! inside. Such a name survives another order of the steps.

use std::{fmt, str::FromStr, sync::Arc};

use super::{
    path::{Mark, Path, ROOT},
    token::{KINDS, TokenError, number, wrong},
};

/// What stands for the clock among the owners of steps.
pub(crate) const CLOCK: u64 = 0xC10C;

/// The name of a step: whose it is, and as which of its owner's. `2/1:3` is the third step of the
/// first task that main's second task spawned, `main:1` main's first, `2/c1` a callback that main's
/// second task made, which has one step, `c3:2` the second turn of a worker that main made, and
/// `clock:2` the second move of the clock. `main:0` is what comes before all steps.
///
/// # Examples
/// ```
/// use seedloop::trace::StepName;
/// let name: StepName = "2/1:3".parse()?;
/// assert_eq!((name.owner(), name.ordinal()), ("2/1", 3));
/// # Ok::<(), seedloop::TokenError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepName {
    owner: Arc<str>,
    ordinal: u32,
    /// What stands for the owner in searches.
    key: u64,
}

impl StepName {
    /// The owner's path.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// As which of the owner's steps or turns: 1 is the first. A callback has one, 0.
    pub fn ordinal(&self) -> u32 {
        self.ordinal
    }

    /// Is the owner a task? If not, a callback, or a worker beside the loop.
    pub(crate) fn is_of_task(&self) -> bool {
        !is_callback(&self.owner)
    }

    pub(crate) fn key(&self) -> u64 {
        self.key
    }

    /// The name of a step whose owner's path is known.
    pub(crate) fn new(owner: Arc<str>, key: u64, ordinal: u32) -> StepName {
        StepName { owner, ordinal, key }
    }
}

/// A step that waits for another: as long as `until` has not run, it is passed over, if anything
/// else is ready.
///
/// # Examples
/// ```
/// use seedloop::trace::Hold;
/// let hold: Hold = "2/1:3@4:1".parse()?;
/// assert_eq!((hold.step.to_string(), hold.until.to_string()), ("2/1:3".into(), "4:1".into()));
/// # Ok::<(), seedloop::TokenError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hold {
    /// Which.
    pub step: StepName,
    /// Until when.
    pub until: StepName,
}

/// A choice inside a step that is not asyncio's: a cancellation, a slip of the clock, or what the
/// program asked for.
///
/// # Examples
/// ```
/// use seedloop::trace::Draw;
/// let draw: Draw = "2/1:3u0=4".parse()?; // the first choice that the program asks for there is 4
/// assert_eq!((draw.kind, draw.index, draw.value), ('u', 0, 4));
/// # Ok::<(), seedloop::TokenError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Draw {
    /// In which step.
    pub step: StepName,
    /// The letter of its kind.
    pub kind: char,
    /// Which choice of this kind in the step, from 0.
    pub index: u32,
    /// What is chosen, modulo the menu: 1 or more.
    pub value: u32,
}

impl fmt::Display for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ordinal {
            0 if is_callback(&self.owner) => f.write_str(&self.owner),
            ordinal => write!(f, "{}:{ordinal}", self.owner),
        }
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.step, self.until)
    }
}

impl fmt::Display for Draw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}={}", self.step, self.kind, self.index, self.value)
    }
}

/// Is it the path of a callback, or of a worker beside the loop?
fn is_callback(owner: &str) -> bool {
    owner.rsplit('/').next().is_some_and(|last| last.starts_with('c') && last != "clock")
}

/// What stands for the owner that has this path.
fn key_of(owner: &str) -> Result<u64, TokenError> {
    match owner {
        "main" => return Ok(ROOT),
        "clock" => return Ok(CLOCK),
        _ => {}
    }
    owner.split('/').try_fold(ROOT, |key, step| {
        let (mark, ordinal) = match step.strip_prefix('c') {
            Some(ordinal) => (Mark::Call, ordinal),
            None => (Mark::Task, step),
        };
        Ok(Path::key_of_child(key, mark, number(ordinal, "a step of a path")?))
    })
}

impl FromStr for StepName {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<StepName, TokenError> {
        let (owner, ordinal) = match text.split_once(':') {
            // A callback's one step has no number; those of a worker begin at 1.
            Some((owner, ordinal)) if ordinal != "0" || !is_callback(owner) => {
                (owner, number(ordinal, "the number of a step")?)
            }
            None if is_callback(text) => (text, 0),
            _ => return wrong(format!("a step looks like 2/1:3, main:1 or 2/c1, not {text:?}")),
        };
        Ok(StepName { owner: owner.into(), ordinal, key: key_of(owner)? })
    }
}

impl FromStr for Hold {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Hold, TokenError> {
        match text.split_once('@') {
            Some((step, until)) if step == until => {
                wrong(format!("a step cannot wait for itself, as in {text:?}"))
            }
            Some((step, until)) => Ok(Hold { step: step.parse()?, until: until.parse()? }),
            None => wrong(format!("a hold looks like 2/1:3@4:1, not {text:?}")),
        }
    }
}

impl FromStr for Draw {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Draw, TokenError> {
        let looks = || {
            let (hold, draw) = ("2/1:3@4:1", "2/1:3u0=4");
            let looks = format!("a hold looks like {hold}, a choice inside a step like {draw}");
            TokenError::new(format!("{looks}, not {text:?}"))
        };
        let (place, value) = text.split_once('=').ok_or_else(looks)?;
        let at = place.rfind(&KINDS[1..]).ok_or_else(looks)?;
        let draw = Draw {
            step: place[..at].parse()?,
            kind: place[at..].chars().next().ok_or_else(looks)?,
            index: number(&place[at + 1..], "the place of a draw")?,
            value: number(value, "a draw")?,
        };
        if draw.value == 0 { Err(looks()) } else { Ok(draw) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Any name of a step.
    fn names() -> impl Strategy<Value = StepName> {
        "(main:[0-9]|clock:[1-9]|[1-9](/c?[1-9]){0,3}:[0-9]|[1-9](/[1-9]){0,2}/c[0-9]|c0/c[1-9]|\
          c[1-9](/c[1-9])?:[1-9])"
            .prop_filter_map("no name", |text| text.parse().ok())
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(step in names(), until in names(), index in 0..9_u32) {
            prop_assume!(step != until);
            let hold = Hold { step: step.clone(), until };
            prop_assert_eq!(hold.to_string().parse(), Ok(hold));
            for &kind in &KINDS[1..] {
                let draw = Draw { step: step.clone(), kind, index, value: 1 + index };
                prop_assert_eq!(draw.to_string().parse(), Ok(draw));
            }
        }

        #[test]
        fn any_text_is_read_as_it_is_written_or_refused(text in "[0-9cmainlok/:@=uy]{0,12}") {
            if let Ok(hold) = text.parse::<Hold>() {
                prop_assert_eq!(hold.to_string(), text.clone());
            }
            if let Ok(draw) = text.parse::<Draw>() {
                prop_assert_eq!(draw.to_string(), text);
            }
        }
    }

    #[test]
    fn keys_are_those_of_paths() {
        let task = Path::default().to_parent().child(Mark::Task, 2);
        let call = task.to_parent().child(Mark::Call, 1);
        assert_eq!("2:1".parse::<StepName>().unwrap().key(), task.key());
        assert_eq!("2/c1".parse::<StepName>().unwrap().key(), call.key());
        let worker: StepName = "2/c1:3".parse().unwrap();
        assert_eq!((worker.key(), worker.ordinal()), (call.key(), 3));
        assert_eq!("main:1".parse::<StepName>().unwrap().key(), Path::default().key());
        for bad in ["", "2", "2/c1:0", "c:1", "02:1", "2:01", "x:1", "2//1:1", "clock"] {
            assert!(bad.parse::<StepName>().is_err(), "{bad}");
        }
    }
}
