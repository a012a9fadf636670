//! A trace as a picture: time runs down, each task has a lane, and one drives at a time.

use std::{collections::BTreeMap, fmt, time::Duration};

use super::{Event, Kind, Trace};

/// The columns of a picture unless [`Timeline::width`] says otherwise.
const WIDTH: usize = 100;
/// No lane is narrower, but for short ones.
const LANE_MIN: usize = 14;
/// What stands between two lanes.
const GAP: &str = " | ";

/// A trace as cars on one road: a lane per task, time runs down. What a lane shows is what its task
/// does when it has the road; `:` is a task that is ready to drive, `|` one that waits at a light.
/// A wait that lasts says until when, or that it has no end. What is no task's (timers, callbacks,
/// the program around the run) shares the last lane.
///
/// Tasks of one name share a lane. Lanes that do not fit share one too.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use seedloop::{Error, gather, sleep, spawn_named, trace_of};
/// let trace = trace_of(async {
///     let nap = |secs| async move { sleep(Duration::from_secs(secs)).await };
///     gather((spawn_named("a", nap(2)), spawn_named("b", nap(1)))).await?;
///     Ok::<(), Error>(())
/// });
/// let picture = trace.timeline().width(80).to_string();
/// assert!(picture.contains("sleeps until 2s"));
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "a timeline is shown by its Display"]
pub struct Timeline<'a> {
    trace: &'a Trace,
    width: usize,
}

impl Trace {
    /// The trace as a picture for people: a lane per task.
    ///
    /// # Examples
    /// ```
    /// let trace = seedloop::trace_of(async { seedloop::log("hello") });
    /// let picture = trace.timeline().to_string();
    /// assert!(picture.starts_with("time | main"));
    /// assert!(picture.contains("\"hello\""));
    /// ```
    pub fn timeline(&self) -> Timeline<'_> {
        Timeline { trace: self, width: WIDTH }
    }
}

impl Timeline<'_> {
    /// For so many columns; default 100. At least two lanes are shown.
    ///
    /// # Examples
    /// ```
    /// let trace = seedloop::trace_of(async { seedloop::log("a line that is rather long") });
    /// let widest = |columns| {
    ///     let picture = trace.timeline().width(columns).to_string();
    ///     picture.lines().map(|line| line.chars().count()).max().unwrap()
    /// };
    /// assert!(widest(60) <= 60 && widest(40) <= 40);
    /// ```
    pub fn width(mut self, columns: usize) -> Self {
        self.width = columns;
        self
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Absent,
    Ready,
    Waiting,
}

impl State {
    fn sign(self) -> &'static str {
        match self {
            State::Absent => "",
            State::Ready => ":",
            State::Waiting => "|",
        }
    }
}

/// What one actor does in one handle.
struct Turn<'a> {
    time_ns: u64,
    lane: usize,
    lines: Vec<String>,
    events: &'a [Event],
}

/// Which lane is whose. The last one is the loop's own.
struct Lanes<'a> {
    names: Vec<&'a str>,
    by_name: BTreeMap<&'a str, usize>,
}

impl<'a> Lanes<'a> {
    fn of(events: &'a [Event], most: usize) -> Lanes<'a> {
        let mut names: Vec<&str> = Vec::new();
        for event in events {
            // Tasks, and workers beside the loop.
            let name = match event.kind {
                Kind::Spawn => event.object.as_deref().unwrap_or_default(),
                Kind::Turn => &event.actor,
                _ => continue,
            };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let shown = if names.len() > most { most - 1 } else { names.len() };
        let by_name = names.iter().enumerate().map(|(at, name)| (*name, at.min(shown)));
        let by_name = by_name.collect();
        if names.len() > shown {
            names.truncate(shown);
            names.push("other tasks");
        }
        names.push("loop");
        Lanes { names, by_name }
    }

    /// The lane of an actor, and whether it must be named there.
    fn lane(&self, actor: &str) -> (usize, bool) {
        let lane = self.by_name.get(actor).copied().unwrap_or(self.names.len() - 1);
        (lane, self.names[lane] != actor)
    }
}

impl fmt::Display for Timeline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events = self.trace.events();
        let times = events.iter().map(|event| time(event.time_ns).len());
        let time_width = times.max().unwrap_or(0).max("time".len());
        let room = self.width.saturating_sub(time_width);
        let lanes = Lanes::of(events, (room / (LANE_MIN + GAP.len())).saturating_sub(1).max(2));
        let turns = turns(events, &lanes);
        let widths = widths(&lanes, &turns, room);
        let mut row = |time: &str, cells: &[&str]| {
            let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            let line = padded.fold(format!("{time:>time_width$}"), |line, cell| line + GAP + &cell);
            writeln!(f, "{}", line.trim_end())
        };
        row("time", &lanes.names)?;
        let mut states = vec![State::Absent; lanes.names.len()];
        let mut last_ns = None;
        for Turn { time_ns, lane, lines, events } in &turns {
            let is_later = !lines.is_empty() && last_ns.replace(*time_ns) != Some(*time_ns);
            let shown = if is_later { time(*time_ns) } else { String::new() };
            let lines = lines.iter().flat_map(|line| wrapped(line, widths[*lane]));
            for (at, line) in lines.enumerate() {
                let mut cells: Vec<&str> = states.iter().map(|state| state.sign()).collect();
                cells[*lane] = &line;
                row(if at == 0 { &shown } else { "" }, &cells)?;
            }
            settle(&mut states, &lanes, events);
        }
        Ok(())
    }
}

fn time(ns: u64) -> String {
    format!("{:?}", Duration::from_nanos(ns))
}

/// The handles, each with what happened in it. The clock is the column of times.
fn turns<'a>(events: &'a [Event], lanes: &Lanes<'_>) -> Vec<Turn<'a>> {
    let mut turns = Vec::new();
    let mut rest = events;
    let same = |a: &Event, b: &Event| a.actor == b.actor && a.step == b.step;
    for group in events.chunk_by(same) {
        rest = &rest[group.len()..];
        let first = &group[0];
        if &*first.actor == "clock" && first.kind != Kind::Slip {
            continue;
        }
        let (lane, named) = lanes.lane(&first.actor);
        let mut lines = phrases(group, rest);
        if lines.is_empty() && first.kind == Kind::Step {
            lines.push("looks, and waits on".into());
        }
        if lines.is_empty() && first.kind == Kind::Turn {
            lines.push("runs".into());
        }
        if named {
            lines.iter_mut().for_each(|line| *line = format!("{} {line}", first.actor));
        }
        turns.push(Turn { time_ns: first.time_ns, lane, lines, events: group });
    }
    turns
}

/// What an actor does in a handle, in words.
fn phrases(group: &[Event], later: &[Event]) -> Vec<String> {
    // The timer that this handle armed last: where its line stands, and when it fires.
    let mut armed = None;
    let mut lines: Vec<String> = Vec::new();
    for event in group {
        let object = event.object.as_deref().unwrap_or_default();
        match event.kind {
            Kind::Step | Kind::Call | Kind::Turn | Kind::OnDone => {}
            Kind::Arm => {
                armed = Some((lines.len(), event.time_ns + event.value));
                lines.push(event.phrase());
            }
            Kind::Disarm if object.starts_with("timer ") => {}
            Kind::Await if object.starts_with("sleep ") && armed.is_some() => {
                let (at, ns) = armed.take().expect("just looked at");
                lines[at] = format!("sleeps until {}", time(ns));
            }
            Kind::Log => lines.push(format!("\"{object}\"")),
            Kind::Await | Kind::Foreign => {
                let end =
                    later.iter().find(|next| next.kind == Kind::Step && next.actor == event.actor);
                let until = match end {
                    None => " for ever".into(),
                    Some(end) if end.time_ns > event.time_ns => {
                        format!(" until {}", time(end.time_ns))
                    }
                    Some(_) => String::new(),
                };
                lines.push(format!("{}{until}", event.phrase()));
            }
            _ => lines.push(event.phrase()),
        }
    }
    lines
}

/// Who is ready, waits, or is gone after a handle.
fn settle(states: &mut [State], lanes: &Lanes<'_>, events: &[Event]) {
    for event in events {
        let (lane, state) = match event.kind {
            Kind::Spawn => {
                let spawned = event.object.as_deref().unwrap_or_default();
                (lanes.lane(spawned).0, State::Ready)
            }
            Kind::Yield => (lanes.lane(&event.actor).0, State::Ready),
            Kind::Await | Kind::Foreign | Kind::Sleep | Kind::Park => {
                (lanes.lane(&event.actor).0, State::Waiting)
            }
            Kind::Finished | Kind::Failed | Kind::Cancelled | Kind::Panicked => {
                (lanes.lane(&event.actor).0, State::Absent)
            }
            _ => continue,
        };
        let own = lane + 1 < lanes.names.len() && lanes.names[lane] != "other tasks";
        states[lane] = if own { state } else { State::Absent };
    }
}

/// How wide each lane is: as wide as it needs to be, or as there is room.
fn widths(lanes: &Lanes<'_>, turns: &[Turn<'_>], room: usize) -> Vec<usize> {
    let chars = |text: &str| text.chars().count();
    let mut wanted: Vec<usize> = lanes.names.iter().map(|name| chars(name)).collect();
    for turn in turns {
        let longest = turn.lines.iter().map(|line| chars(line)).max().unwrap_or(0);
        wanted[turn.lane] = wanted[turn.lane].max(longest);
    }
    let room = room.saturating_sub(GAP.len() * wanted.len());
    // The widest give way, all to the same width.
    let fits = |cap: &usize| wanted.iter().map(|width| width.min(cap)).sum::<usize>() <= room;
    let cap = (LANE_MIN..=room.max(LANE_MIN)).rev().find(fits).unwrap_or(LANE_MIN);
    wanted.iter().map(|width| (*width).min(cap)).collect()
}

/// The text in lines of at most so many characters, broken at spaces where there are any.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        let line = lines.last_mut().expect("there is a line");
        let used = line.chars().count();
        if used > 0 && used + 1 + word.len() <= width {
            line.push(' ');
        } else if used > 0 {
            lines.push(String::new());
        }
        while word.len() > width.max(1) {
            let rest = word.split_off(width.max(1));
            lines.last_mut().expect("there is a line").extend(word);
            lines.push(String::new());
            word = rest;
        }
        lines.last_mut().expect("there is a line").extend(word);
    }
    lines
}
