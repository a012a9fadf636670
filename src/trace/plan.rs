//! What a token says to choose: a seed, choices by their place in the run, or by the names of
//! steps. The grammar stands with that of tokens.

use std::{collections::BTreeSet, fmt, fmt::Write, str::FromStr};

use super::{
    Draw, Hold, StepName, TokenError,
    token::{KINDS, number, wrong},
};

/// What a token says to choose.
///
/// # Examples
/// ```
/// use seedloop::trace::Plan;
/// let seeded = Plan::Seed { strategy: "random".into(), seed: 7, run: 41 };
/// assert_eq!("s.random.7.41".parse(), Ok(seeded));
/// assert_eq!("r.none".parse(), Ok(Plan::Raw(Vec::new()))); // asyncio's order
/// let held: Plan = "h.2:1@1:3".parse()?;
/// assert!(matches!(held, Plan::Holds { holds, .. } if holds[0].until.ordinal() == 3));
/// # Ok::<(), seedloop::TokenError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// What this strategy chose in this run of this seed.
    Seed {
        /// The strategy's name.
        strategy: String,
        /// The seed of all runs.
        seed: u64,
        /// Which of them.
        run: u64,
    },
    /// These choices, and asyncio's everywhere else.
    Raw(Vec<Pick>),
    /// asyncio's order, but that some steps wait for others; and these choices inside steps.
    Holds {
        /// Which step waits for which, each at most once.
        holds: Vec<Hold>,
        /// The choices inside steps that are not asyncio's.
        draws: Vec<Draw>,
    },
}

/// One choice that is not asyncio's.
///
/// # Examples
/// ```
/// use seedloop::trace::Pick;
/// // The 13th choice, an order, took the last of three.
/// let pick = Pick { index: 12, kind: 'o', value: 2, menu: 3 };
/// assert_eq!("12o2of3".parse(), Ok(pick));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pick {
    /// Which choice of the run it was, counted from 0. A menu of one is no choice.
    pub index: u64,
    /// The letter of its kind.
    pub kind: char,
    /// What was chosen: 1 or more.
    pub value: u32,
    /// Out of how many.
    pub menu: u32,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Plan::Seed { strategy, seed, run } => write!(f, "s.{strategy}.{seed}.{run}"),
            Plan::Raw(picks) if picks.is_empty() => f.write_str("r.none"),
            Plan::Raw(picks) => {
                f.write_char('r')?;
                picks.iter().try_for_each(|Pick { index, kind, value, menu }| {
                    write!(f, ".{index}{kind}{value}of{menu}")
                })
            }
            Plan::Holds { holds, draws } if holds.is_empty() && draws.is_empty() => {
                f.write_str("h.none")
            }
            Plan::Holds { holds, draws } => {
                f.write_char('h')?;
                holds.iter().try_for_each(|hold| write!(f, ".{hold}"))?;
                draws.iter().try_for_each(|draw| write!(f, ".{draw}"))
            }
        }
    }
}

impl FromStr for Plan {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Plan, TokenError> {
        match text {
            "r.none" => return Ok(Plan::Raw(Vec::new())),
            "h.none" => return Ok(Plan::Holds { holds: Vec::new(), draws: Vec::new() }),
            _ => {}
        }
        let mut parts = text.split('.');
        match parts.next() {
            Some("s") => {
                let rest: Vec<&str> = parts.collect();
                let [strategy, seed, run] = rest[..] else {
                    return wrong(format!("{text:?} is not s.<strategy>.<seed>.<run>"));
                };
                let (seed, run) = (number(seed, "the seed")?, number(run, "the run")?);
                Ok(Plan::Seed { strategy: strategy.into(), seed, run })
            }
            Some("r") => {
                let picks: Vec<Pick> = parts.map(str::parse).collect::<Result<_, _>>()?;
                if picks.is_empty() || !picks.is_sorted_by(|a, b| a.index < b.index) {
                    return wrong("its choices rise by their index");
                }
                Ok(Plan::Raw(picks))
            }
            Some("h") => read_holds(text, parts),
            _ => wrong(format!("its plan starts with s., r. or h., not {text:?}")),
        }
    }
}

/// Reads holds and draws: `parts` is what comes after `h`.
fn read_holds<'a>(text: &str, parts: impl Iterator<Item = &'a str>) -> Result<Plan, TokenError> {
    let (holds, draws): (Vec<&str>, Vec<&str>) = parts.partition(|item| item.contains('@'));
    let holds: Vec<Hold> = holds.into_iter().map(str::parse).collect::<Result<_, _>>()?;
    let draws: Vec<Draw> = draws.into_iter().map(str::parse).collect::<Result<_, _>>()?;
    let held: BTreeSet<&StepName> = holds.iter().map(|hold| &hold.step).collect();
    let drawn = draws.iter().map(|draw| (&draw.step, draw.kind, draw.index));
    let drawn: BTreeSet<_> = drawn.collect();
    if held.len() < holds.len() || drawn.len() < draws.len() {
        return wrong("it names one step or choice twice");
    }
    let plan = Plan::Holds { holds, draws };
    match plan.to_string() == text {
        true => Ok(plan),
        false => wrong(format!("its plan is written {plan}, not {text}")),
    }
}

impl FromStr for Pick {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Pick, TokenError> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (index, rest) = text.split_at(digits);
        let mut rest = rest.chars();
        let kind = rest.next().filter(|kind| KINDS.contains(kind));
        let (Some(kind), Some((value, menu))) = (kind, rest.as_str().split_once("of")) else {
            return wrong(format!("a choice looks like 12o2of3, not {text:?}"));
        };
        let pick = Pick {
            index: number(index, "a choice's index")?,
            kind,
            value: number(value, "a choice")?,
            menu: number(menu, "a menu's length")?,
        };
        if pick.value == 0 || pick.value >= pick.menu {
            return wrong(format!("{text:?} chooses from 1 up to its menu less one"));
        }
        Ok(pick)
    }
}
