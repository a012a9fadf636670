//! What the environment asks for. A value that makes no sense is an error, never a default.

use std::{env, str::FromStr};

use crate::trace::Token;

#[derive(Debug, Default, PartialEq)]
pub(super) struct Environment {
    pub(super) seed: Option<u64>,
    pub(super) schedules: Option<u64>,
    pub(super) jobs: Option<usize>,
    pub(super) replay: Option<Token>,
}

impl Environment {
    pub(super) fn read() -> Result<Environment, String> {
        Environment::of(|name| env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    fn of(get: impl Fn(&str) -> Option<String>) -> Result<Environment, String> {
        let number = "a whole number, 0 or more";
        let environment = Environment {
            seed: value(&get, "SEEDLOOP_SEED", number)?,
            schedules: value(&get, "SEEDLOOP_SCHEDULES", number)?,
            jobs: value(&get, "SEEDLOOP_JOBS", number)?,
            replay: value(&get, "SEEDLOOP_REPLAY", "a token that a failure has printed")?,
        };
        match environment.schedules {
            Some(0) => Err("SEEDLOOP_SCHEDULES=0 would check nothing: give 1 or more".into()),
            _ => Ok(environment),
        }
    }
}

fn value<T: FromStr<Err: ToString>>(
    get: impl Fn(&str) -> Option<String>,
    name: &str,
    expected: &str,
) -> Result<Option<T>, String> {
    let Some(text) = get(name).filter(|text| !text.trim().is_empty()) else {
        return Ok(None);
    };
    let parsed = text.trim().parse().map(Some);
    parsed
        .map_err(|error: T::Err| format!("{name}={text} is not {expected}: {}", error.to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(name: &str, value: &str) -> Result<Environment, String> {
        Environment::of(|asked| (asked == name).then(|| value.to_string()))
    }

    #[test]
    fn good_values_are_read_and_bad_ones_named() {
        assert_eq!(read("SEEDLOOP_SEED", "17").unwrap().seed, Some(17));
        assert_eq!(read("SEEDLOOP_SEED", "").unwrap().seed, None);
        for bad in ["x", "-1", "1.5", "99999999999999999999"] {
            let error = read("SEEDLOOP_SEED", bad).unwrap_err();
            assert!(error.starts_with(&format!("SEEDLOOP_SEED={bad} is not")), "{error}");
        }
        assert!(read("SEEDLOOP_SCHEDULES", "0").unwrap_err().contains("1 or more"));
        assert!(read("SEEDLOOP_REPLAY", "sl2-").unwrap_err().contains("token"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            for name in ["SEEDLOOP_SEED", "SEEDLOOP_SCHEDULES", "SEEDLOOP_REPLAY"] {
                if let Err(error) = read(name, &text) {
                    prop_assert!(error.contains(name));
                }
            }
        }
    }
}
