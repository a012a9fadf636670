//! Uses of asyncio that are errors, by name. What Rust's types rule out, such as a string where
//! an executor belongs, is answered with the exception that Python raises.

use seedloop::{Barrier, Config, Future, Runner, gather, run};
use serde_json::json;

use crate::{
    exception::{Exception, Kind},
    interpreter::{Handle, Interpreter},
    op::Misuse,
    value::Value,
};

impl Interpreter {
    /// The error never propagates, unless it is no `Exception`.
    pub(crate) fn misuse(&'static self, what: Misuse) -> Result<(), Exception> {
        let (name, result) = match what {
            Misuse::NestedRun => ("nested_run", run(nothing())),
            Misuse::NestedRunUntilComplete => {
                ("nested_run_until_complete", Runner::new(Config::default()).run(nothing()))
            }
            Misuse::SecondLoop => ("second_loop", Runner::new(Config::default()).run(nothing())),
            Misuse::RunForever => ("run_forever", python(Kind::RuntimeError)),
            Misuse::CloseRunningLoop => ("close_running_loop", python(Kind::RuntimeError)),
            Misuse::ExecutorIsStr => ("executor_is_str", python(Kind::AttributeError)),
            Misuse::LoopRun => ("loop_run", python(Kind::AttributeError)),
            Misuse::NegativeSemaphore => ("negative_semaphore", python(Kind::ValueError)),
            Misuse::CreateTaskOfFunction => {
                self.implicit_name(); // asyncio names the task before it looks at the function
                ("create_task_of_function", python(Kind::TypeError))
            }
            Misuse::BarrierZero => {
                let barrier = Barrier::new(0).map_err(Exception::from);
                ("barrier_zero", barrier.map(|_| Value::NONE))
            }
            Misuse::FutureNoneLoopResult => {
                ("future_none_loop_result", Future::<Value, Exception>::new().result())
            }
            Misuse::SetResultOnTask => ("set_result_on_task", self.set_result_on_task()),
            Misuse::GatherNothing => {
                let nothing = gather(Vec::<Future<Value, Exception>>::new());
                ("gather_nothing", nothing.map(Value::List).future().result())
            }
        };
        match self.attempt("misuse", result, [("what", json!(name))]) {
            Err(error) if !error.is_a(Kind::Exception) => Err(error),
            _ => Ok(()),
        }
    }

    fn set_result_on_task(&self) -> Result<Value, Exception> {
        match self.current_handle() {
            Handle::Shared(task) => self.set(&task, Ok(Value::int(1))),
            _ => python(Kind::AttributeError),
        }
    }
}

async fn nothing() -> Result<Value, Exception> {
    Ok(Value::NONE)
}

fn python(kind: Kind) -> Result<Value, Exception> {
    Err(Exception::new(kind))
}
