//! A program of the language as Rust types; its statements are `op`'s. Parsing refuses unknown
//! and missing keys; what a name refers to is `check`'s matter.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};

use crate::{op::Op, value::Literal};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Program {
    #[serde(rename = "name")]
    _name: Option<String>,
    #[serde(rename = "doc")]
    _doc: Option<String>,
    #[serde(rename = "seed")]
    _seed: Option<i64>,
    #[serde(rename = "id")]
    _id: Option<String>,
    /// How many workers the default executor has.
    pub(crate) threads: Option<usize>,
    #[serde(rename = "net")]
    _net: Option<Net>,
    pub(crate) run: Option<RunWhat>,
    #[serde(default)]
    pub(crate) debug: bool,
    #[serde(default)]
    pub(crate) objects: Named<Object>,
    pub(crate) coros: Named<Block>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RunWhat {
    /// `run(main)` instead of `run(main())`: an error of the program.
    Function,
}

/// Streams are not simulated yet; their network is only read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Net {
    #[serde(rename = "latency")]
    _latency: Option<u64>,
    #[serde(rename = "capacity")]
    _capacity: Option<u64>,
    #[serde(rename = "dns")]
    _dns: Option<u64>,
    #[serde(rename = "hosts")]
    _hosts: Option<Vec<String>>,
}

/// A time or a duration in milliseconds; up to some 30 years either way.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "i64")]
pub(crate) struct Millis(pub(crate) i64);

impl TryFrom<i64> for Millis {
    type Error = &'static str;

    fn try_from(millis: i64) -> Result<Millis, &'static str> {
        let fits = millis.unsigned_abs() <= 1_000_000_000_000;
        fits.then_some(Millis(millis)).ok_or("a time is at most 1000000000000 ms")
    }
}

fn one<N: From<u8>>() -> N {
    N::from(1)
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Object {
    Lock {},
    Event {},
    Semaphore {
        #[serde(default = "one")]
        value: i64,
    },
    BoundedSemaphore {
        #[serde(default = "one")]
        value: i64,
    },
    Condition {
        lock: Option<String>,
    },
    Barrier {
        parties: i64,
    },
    Queue {
        #[serde(default)]
        maxsize: u32,
    },
    PriorityQueue {
        #[serde(default)]
        maxsize: u32,
    },
    LifoQueue {
        #[serde(default)]
        maxsize: u32,
    },
    Executor {
        #[serde(default = "one")]
        workers: u32,
    },
    Future {},
    Contextvar {
        #[serde(default)]
        default: Literal,
    },
}

/// Statements in order; an error in one tells which.
#[derive(Default)]
pub(crate) struct Block(pub(crate) Vec<Op>);

impl<'de> Deserialize<'de> for Block {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Block, D::Error> {
        struct Ops;
        impl<'de> Visitor<'de> for Ops {
            type Value = Block;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of ops")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut ops: A) -> Result<Block, A::Error> {
                let mut block = Block::default();
                loop {
                    let place = block.0.len() + 1;
                    match ops.next_element() {
                        Ok(Some(op)) => block.0.push(op),
                        Ok(None) => return Ok(block),
                        Err(e) => return Err(A::Error::custom(format!("op {place}: {e}"))),
                    }
                }
            }
        }
        input.deserialize_seq(Ops)
    }
}

/// What an error calls a named thing.
trait Called {
    const CALLED: &'static str;
}

impl Called for Block {
    const CALLED: &'static str = "coro";
}

impl Called for Object {
    const CALLED: &'static str = "object";
}

/// What a JSON object names, in its order; an error in one tells which.
pub(crate) struct Named<T>(pub(crate) Vec<(String, T)>);

impl<T> Named<T> {
    pub(crate) fn get(&self, name: &str) -> Option<&T> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }
}

impl<T> Default for Named<T> {
    fn default() -> Named<T> {
        Named(Vec::new())
    }
}

impl<'de, T: Deserialize<'de> + Called> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Named<T>, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de> + Called> Visitor<'de> for Entries<T> {
            type Value = Named<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named<T>, A::Error> {
                let mut named = Named::default();
                while let Some(name) = map.next_key::<String>()? {
                    let called = T::CALLED;
                    if named.get(&name).is_some() {
                        let problem = format!("{called} {name:?} is there twice: rename one");
                        return Err(A::Error::custom(problem));
                    }
                    match map.next_value() {
                        Ok(value) => named.0.push((name, value)),
                        Err(e) => return Err(A::Error::custom(format!("{called} {name:?}: {e}"))),
                    }
                }
                Ok(named)
            }
        }
        input.deserialize_map(Entries(PhantomData))
    }
}
