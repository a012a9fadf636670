//! What the model says, as the lines of a trace.

use seedloop_oracle::Value;
use serde_json::{Map, Value as Json, json};

use super::words::Words;

type Fields = Vec<(&'static str, Json)>;

impl Words<'_> {
    /// The lines of the model's `report`, the tasks' ends last.
    pub(crate) fn trace(&self, report: &Value) -> Vec<Json> {
        let [lines, finals, ..] = report.arguments() else { panic!("a report has five fields") };
        let lines = self.model.to_vec(lines);
        let finals = self.model.to_vec(finals);
        let lines = lines.iter().map(|line| self.line(line));
        lines.chain(finals.iter().map(|end| self.end(end))).collect()
    }

    fn line(&self, line: &Value) -> Json {
        let [time, iteration, task, said] = line.arguments() else { panic!("a line has four") };
        let task = self.model.to_option(task).map(|label| self.label(&label));
        let (event, fields) = self.said(said);
        let head = vec![
            ("t", json!(time.number())),
            ("i", json!(iteration.number())),
            ("task", json!(task)),
            ("ev", json!(event)),
        ];
        object([head, fields].concat())
    }

    fn end(&self, end: &Value) -> Json {
        let [label, settled] = end.arguments() else { panic!("a pair has two") };
        object([vec![("final", json!(self.label(label)))], self.settled(settled)].concat())
    }

    fn said(&self, said: &Value) -> (&'static str, Fields) {
        let arguments = said.arguments();
        let called = |at: usize| json!(self.name(arguments[at].number()));
        let value = |at: usize| ("v", self.shown(&arguments[at]));
        let raised = |at: usize| ("exc", self.shown_exception(&arguments[at]));
        let kind = |at: usize| ("k", json!(self.awaited(&arguments[at])));
        match self.model.name_of(said) {
            "Entered" => ("enter", vec![("c", called(0))]),
            "Returned" => ("return", vec![("c", called(0)), value(1)]),
            "Raised" => ("raise", vec![("c", called(0)), raised(1)]),
            "Logged" => ("log", vec![value(0)]),
            "IsNow" => ("now", vec![("v", json!(arguments[0].number()))]),
            "Ok" => ("ok", vec![kind(0), value(1)]),
            "Err" => ("err", vec![kind(0), raised(1)]),
            "Excepted" => ("except", vec![raised(0)]),
            "Finally" => ("finally", vec![]),
            "CancelSaid" => ("cancel", vec![("h", called(0)), value(1)]),
            "UncancelSaid" => ("uncancel", vec![("v", json!(arguments[0].number()))]),
            "CancellingSaid" => ("cancelling", vec![("v", json!(arguments[0].number()))]),
            "StateSaid" => {
                ("state", [vec![("h", called(0))], self.settled(&arguments[1])].concat())
            }
            "ResultSaid" => self.attempted(arguments, "result", "result_err"),
            "ExceptionSaid" => self.attempted(arguments, "exception", "exception_err"),
            "SetResultSaid" => self.attempted(arguments, "fut_set", "fut_set_err"),
            "SetExceptionSaid" => self.attempted(arguments, "fut_exc", "fut_exc_err"),
            "NotWhenDoneSaid" => {
                let removed = u8::from(self.model.name_of(&arguments[1]) == "True");
                ("off_done", vec![("h", called(0)), ("v", json!(removed))])
            }
            "Called" => ("cb", [vec![("cb", called(0))], self.on(&arguments[1])].concat()),
            "Missing" => {
                let names = self.model.to_vec(&arguments[0]);
                let names: Vec<&str> = names.iter().map(|name| self.name(name.number())).collect();
                ("missing", vec![("hs", json!(names))])
            }
            "HandlerSaid" => ("exc_handler", self.reported(arguments)),
            "RunReturned" => ("run_return", vec![value(0)]),
            "RunRaised" => ("run_raise", vec![raised(0)]),
            "Deadlock" => {
                let pending = self.model.to_vec(&arguments[0]);
                let pending: Vec<String> = pending.iter().map(|task| self.label(task)).collect();
                ("deadlock", vec![("pending", json!(pending))])
            }
            other => panic!("{other} is nothing that is said"),
        }
    }

    fn attempted(
        &self,
        arguments: &[Value],
        name: &'static str,
        failed: &'static str,
    ) -> (&'static str, Fields) {
        let on = ("h", json!(self.name(arguments[0].number())));
        let result = &arguments[1].arguments()[0];
        match self.model.name_of(&arguments[1]) {
            "Good" => (name, vec![("v", self.shown(result)), on]),
            _ => (failed, vec![("exc", self.shown_exception(result)), on]),
        }
    }

    /// The future that a callback is of.
    fn on(&self, on: &Value) -> Fields {
        let Some(pair) = self.model.to_option(on) else { return Vec::new() };
        let [name, settled] = pair.arguments() else { panic!("a pair has two") };
        [vec![("on", json!(self.name(name.number())))], self.settled(settled)].concat()
    }

    fn reported(&self, arguments: &[Value]) -> Fields {
        let exception = ("exc", self.shown_exception(&arguments[0]));
        match self.model.to_option(&arguments[1]) {
            None => vec![("msg", json!("Exception in callback")), exception],
            Some(task) => {
                let message = "unhandled exception during asyncio.run() shutdown";
                vec![("msg", json!(message)), exception, ("on", json!(self.label(&task)))]
            }
        }
    }

    fn settled(&self, settled: &Value) -> Fields {
        match self.model.name_of(settled) {
            "SPending" => vec![("state", json!("pending"))],
            "SCancelled" => vec![("state", json!("cancelled"))],
            _ => {
                let result = &settled.arguments()[0];
                let inner = &result.arguments()[0];
                match self.model.name_of(result) {
                    "Good" => vec![("state", json!("finished")), ("v", self.shown(inner))],
                    _ => vec![("state", json!("failed")), ("exc", self.shown_exception(inner))],
                }
            }
        }
    }

    fn label(&self, label: &Value) -> String {
        let number = label.arguments()[0].number();
        match self.model.name_of(label) {
            "Named" => self.name(number).to_owned(),
            _ => format!("~{number}"),
        }
    }

    fn awaited(&self, kind: &Value) -> &'static str {
        match self.model.name_of(kind) {
            "KHandle" => "handle",
            "KCoro" => "coro",
            "KSleep" => "sleep",
            "KGather" => "gather",
            _ => "shield",
        }
    }

    fn shown(&self, value: &Value) -> Json {
        let inner = || &value.arguments()[0];
        match self.model.name_of(value) {
            "VNone" => Json::Null,
            "VBool" => json!(self.model.name_of(inner()) == "True"),
            "VLiteral" => self.literal(inner().number()).to_json(),
            "VList" => self.model.to_vec(inner()).iter().map(|item| self.shown(item)).collect(),
            _ => self.shown_exception(inner()),
        }
    }

    fn shown_exception(&self, exception: &Value) -> Json {
        let [kind, message] = exception.arguments() else { panic!("an exception has two") };
        let mut shown = json!({ "exc": self.kind(kind.number()).to_string() });
        if let Some(message) = self.model.to_option(message) {
            shown["msg"] = json!(self.message(message.number()));
        }
        shown
    }
}

fn object(fields: Fields) -> Json {
    Json::Object(
        fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>(),
    )
}
