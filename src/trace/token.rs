//! The line that replays a run. The grammar, and nothing else knows it:
//!
//! ```text
//! token    = "sl1-" plan "-" settings "-" checks "-" digest      ; one word, safe in a shell
//! plan     = "s." strategy "." seed "." run                      ; what a seeded strategy chose
//!          | "r." ( "none" | pick *( "." pick ) )                ; only what differs from asyncio
//!          | "h." ( "none" | item *( "." item ) )                ; by the names of steps
//! pick     = index kind value "of" menu                          ; "12o2of3": the 13th choice, of
//! kind     = "o" | "c" | "s" | "u" | "y"                         ;   order, took option 2 of 3
//! item     = step "@" step                                       ; a hold: waits until that ran
//!          | step kind index "=" value                           ; a choice inside a step: which
//! step     = owner ":" ordinal | callback                        ; "2/1:3", "c3:2", "2/c1"
//! settings = "x" *( letter [ number ] )                          ; only what is not the default:
//!            ; c cancellations, a any task, w fresh wakers, p slips,
//!            ; y spurious polls, d debug, n no probe, o one handle an iteration;
//!            ; i, m, z: the limits on iterations, steps, steps per instant
//! checks   = steps "." *hexdigit                                 ; 4 bits of the digest each
//!            ; 1, 2, 4 ... steps, so that there are at most 63
//! digest   = 8 hexdigit                                          ; the first 32 bits at the end
//! ```
//!
//! "sl1" is the version of the kernel's semantics: a token of another version is refused.

use std::{fmt, fmt::Write, num::ParseIntError, str::FromStr};

use super::{Digest, Plan};

/// The letters of all kinds of choices: what runs next, and what is chosen inside a step.
pub(crate) const KINDS: [char; 5] = ['o', 'c', 's', 'u', 'y'];

/// More checked steps than this are thinned to every second one.
const CHECKS_MAX: usize = 64;

/// One line that replays a run anywhere: what to choose, under which settings, and what must
/// come out.
///
/// # Examples
/// ```
/// use seedloop::Token;
/// let error = "sl9-s.random.0.1-x-3.000-00000000".parse::<Token>().unwrap_err();
/// assert!(error.to_string().contains("version"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What to choose.
    pub plan: Plan,
    /// Under which settings.
    pub settings: Settings,
    pub(crate) checks: Checks,
    pub(crate) digest: u32,
}

/// Everything that shapes a run beside its choices.
///
/// # Examples
/// ```
/// use seedloop::trace::Settings;
/// let settings = Settings { cancellations: 1, fresh_wakers: true, ..Settings::default() };
/// assert_eq!(settings.to_string(), "x0c1w");
/// assert_eq!("x0c1w".parse(), Ok(settings));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Settings {
    /// How many cancellations may be injected.
    pub cancellations: u32,
    /// Into any task, not only into those that the program offers.
    pub cancel_any: bool,
    /// Every poll gets a waker of its own, and stale ones do nothing.
    pub fresh_wakers: bool,
    /// How often the clock may advance although something is ready.
    pub slips: u32,
    /// How often a task that waits may be polled although nothing woke it.
    pub spurious_polls: u32,
    /// asyncio's debug mode.
    pub debug: bool,
    /// In a deadlock nobody is polled once more.
    pub no_probe: bool,
    /// Each iteration runs one handle: a timer that is due is ready at once, and a stop takes
    /// effect at once. What is ready then depends on what has happened, and not on how much of
    /// anything else has: so do searches run.
    pub one_by_one: bool,
    /// What a run may not exceed.
    pub limits: Limits,
}

/// What a run may not exceed.
///
/// # Examples
/// ```
/// use seedloop::trace::{Limits, Settings};
/// let limits = Limits { steps: 500, ..Limits::default() };
/// assert_eq!(limits.instant_steps, 100_000);
/// assert_eq!(Settings { limits, ..Settings::default() }.to_string(), "x0m500");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Loop iterations. Beyond it: livelock.
    pub iterations: u64,
    /// Handles run. Beyond it: step cap.
    pub steps: u64,
    /// Handles run without the clock moving. Beyond it: zero-time livelock.
    pub instant_steps: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { iterations: u64::MAX, steps: 10_000_000, instant_steps: 100_000 }
    }
}

/// Bits of the digest along the run, so that a replay fails where it diverges. Bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checks {
    pub(crate) steps: u64,
    nibbles: Vec<u8>,
    /// log2 of the stride, the least with fewer than [`CHECKS_MAX`] checks.
    stride: u32,
}

impl Checks {
    /// Every how many steps one is checked.
    pub(crate) fn stride(&self) -> u64 {
        1 << self.stride
    }

    fn new(steps: u64) -> Checks {
        let least = (0..).find(|&log| steps >> log < CHECKS_MAX as u64);
        Checks { steps, nibbles: Vec::new(), stride: least.expect("64 halvings give 0") }
    }

    /// A step has ended with this digest.
    #[inline]
    pub(crate) fn add(&mut self, digest: Digest) {
        self.steps += 1;
        if self.steps & (self.stride() - 1) != 0 {
            return;
        }
        self.nibbles.push(digest.nibble());
        if self.nibbles.len() == CHECKS_MAX {
            self.stride += 1;
            let mut at = 0;
            self.nibbles.retain(|_| {
                at += 1;
                at % 2 == 0
            });
        }
    }

    /// What the digest must be after this step, if that step is checked.
    pub(crate) fn at(&self, step: u64) -> Option<u8> {
        let stride = self.stride();
        let checked = step > 0 && step.is_multiple_of(stride);
        checked.then(|| self.nibbles.get((step / stride - 1) as usize).copied()).flatten()
    }

    pub(crate) fn clear(&mut self) {
        self.nibbles.clear();
        (self.steps, self.stride) = (0, 0);
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sl1-{}-{}-{}.", self.plan, self.settings, self.checks.steps)?;
        for nibble in &self.checks.nibbles {
            write!(f, "{nibble:x}")?;
        }
        write!(f, "-{:08x}", self.digest)
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = Settings::default();
        let mut letter = |letter: char, value: u64, default: u64| match value == default {
            true => Ok(()),
            false => write!(f, "{letter}{value}"),
        };
        let (limits, usual) = (&self.limits, &default.limits);
        letter('x', 0, 1).and_then(|()| letter('c', self.cancellations.into(), 0))?;
        letter('p', self.slips.into(), 0)?;
        letter('y', self.spurious_polls.into(), 0)?;
        letter('i', limits.iterations, usual.iterations)?;
        letter('m', limits.steps, usual.steps)?;
        letter('z', limits.instant_steps, usual.instant_steps)?;
        let flags = [
            ('a', self.cancel_any),
            ('w', self.fresh_wakers),
            ('d', self.debug),
            ('n', self.no_probe),
            ('o', self.one_by_one),
        ];
        for (letter, on) in flags {
            if on {
                f.write_char(letter)?;
            }
        }
        Ok(())
    }
}

/// Why a text is no token: says what was expected where.
///
/// # Examples
/// ```
/// use seedloop::{Token, TokenError};
/// let error: TokenError = "sl1-r.none".parse::<Token>().unwrap_err();
/// assert!(error.to_string().starts_with("not a replay token: it has 2 of its 5 fields"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenError(String);

impl TokenError {
    pub(crate) fn new(what: String) -> TokenError {
        TokenError(what)
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a replay token: {}; copy the whole word that starts with sl1-", self.0)
    }
}

impl std::error::Error for TokenError {}

pub(super) fn wrong<T>(what: impl Into<String>) -> Result<T, TokenError> {
    Err(TokenError(what.into()))
}

/// A decimal number as the token writes it: no sign, no leading zero.
pub(super) fn number<T: FromStr<Err = ParseIntError>>(
    text: &str,
    what: &str,
) -> Result<T, TokenError> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    match text.parse() {
        Ok(value) if plain => Ok(value),
        _ => wrong(format!("{what} is a number, not {text:?}")),
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Token, TokenError> {
        let fields: Vec<&str> = text.split('-').collect();
        let [version, plan, settings, checks, digest] = fields[..] else {
            return wrong(format!("it has {} of its 5 fields", fields.len()));
        };
        if version != "sl1" {
            return wrong(format!("this is version sl1, the token is of version {version:?}"));
        }
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if digest.len() != 8 || !digest.bytes().all(hex) {
            return wrong(format!("its digest is 8 hex digits, not {digest:?}"));
        }
        Ok(Token {
            plan: plan.parse()?,
            settings: settings.parse()?,
            checks: checks.parse()?,
            digest: u32::from_str_radix(digest, 16).expect("8 hex digits"),
        })
    }
}

impl FromStr for Settings {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Settings, TokenError> {
        let Some(mut rest) = text.strip_prefix("x0") else {
            return wrong(format!("its settings start with x0, not {text:?}"));
        };
        let mut settings = Settings::default();
        while let Some(letter) = rest.chars().next() {
            rest = &rest[letter.len_utf8()..];
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (value, after) = rest.split_at(digits);
            rest = after;
            let what = format!("setting {letter}");
            let count = || number::<u64>(value, &what);
            match (letter, value) {
                ('c', _) => settings.cancellations = number(value, &what)?,
                ('p', _) => settings.slips = number(value, &what)?,
                ('y', _) => settings.spurious_polls = number(value, &what)?,
                ('i', _) => settings.limits.iterations = count()?,
                ('m', _) => settings.limits.steps = count()?,
                ('z', _) => settings.limits.instant_steps = count()?,
                ('a', "") => settings.cancel_any = true,
                ('w', "") => settings.fresh_wakers = true,
                ('d', "") => settings.debug = true,
                ('n', "") => settings.no_probe = true,
                ('o', "") => settings.one_by_one = true,
                _ => return wrong(format!("there is no setting {letter}{value}")),
            }
        }
        match settings.to_string() == text {
            true => Ok(settings),
            false => wrong(format!("its settings are written {settings}, not {text}")),
        }
    }
}

impl FromStr for Checks {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Checks, TokenError> {
        let Some((steps, nibbles)) = text.split_once('.') else {
            return wrong(format!("its checks are <steps>.<hex>, not {text:?}"));
        };
        let mut checks = Checks::new(number(steps, "the number of steps")?);
        for c in nibbles.chars() {
            match c {
                '0'..='9' | 'a'..='f' => checks.nibbles.push(c.to_digit(16).expect("hex") as u8),
                _ => return wrong(format!("its checks are hex digits, not {nibbles:?}")),
            }
        }
        let expected = checks.steps / checks.stride();
        if checks.nibbles.len() as u64 != expected {
            let found = checks.nibbles.len();
            return wrong(format!("{} steps have {expected} checks, not {found}", checks.steps));
        }
        Ok(checks)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Pick, *};

    #[test]
    fn a_token_reads_back() {
        let mut checks = Checks::default();
        for step in 0..100 {
            let mut digest = Digest::default();
            digest.add(super::super::Kind::Step, step, 0, 0);
            checks.add(digest);
        }
        let settings = Settings { cancellations: 2, fresh_wakers: true, ..Settings::default() };
        let pick = |index| Pick { index, kind: 'o', value: 1, menu: 3 };
        let seed = Plan::Seed { strategy: "random".into(), seed: 0, run: 17 };
        let held = "h.2:1@1:3.2/c1@main:2.1:4c0=2".parse().unwrap();
        let holds = ["h.none".parse().unwrap(), held];
        let plans = [seed, Plan::Raw(vec![]), Plan::Raw(vec![pick(3), pick(40)])];
        for plan in plans.into_iter().chain(holds) {
            let token = Token { plan, settings, checks: checks.clone(), digest: 0xab };
            assert_eq!(token.to_string().parse(), Ok(token));
        }
    }

    #[test]
    fn checks_stay_few() {
        let mut checks = Checks::default();
        for _ in 0..1_000_000 {
            checks.add(Digest::default());
        }
        assert!(checks.nibbles.len() < CHECKS_MAX);
        assert_eq!(checks.nibbles.len() as u64, checks.steps / checks.stride());
    }
}
