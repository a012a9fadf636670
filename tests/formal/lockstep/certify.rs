//! Certificates: what the model said here, as goals for Coq's own kernel. Then neither the
//! extraction nor its interpreter is trusted for these runs.
//!
//! `SEEDLOOP_CERTIFICATES=DIR` writes them; `proofs/check.sh --certificates DIR` proves them.

use std::{
    collections::HashMap,
    env,
    fs::{self, File},
    io::{self, Write},
    path::Path,
    sync::{LazyLock, Mutex},
};

use seedloop::lockstep::Log;
use seedloop_oracle::Model;

use super::Translator;

const HEAD: &str = "\
From Coq Require Import List Arith NArith Bool.
From Seedloop.Spec Require Import Map Kernel Machine Program.
Import ListNotations.
";

static FILES: LazyLock<Mutex<HashMap<&str, File>>> = LazyLock::new(Mutex::default);

/// A run of the real kernel: the model accepts its operations, each with its answer.
pub(super) fn run(model: &Model, log: &Log) {
    goal("runs", || {
        let mut translator = Translator::new(model);
        let steps = log.steps.iter().map(|step| {
            let (operation, answer) = translator.step(step);
            format!("({}, {})", model.show(&operation), model.show(&answer))
        });
        let steps: Vec<String> = steps.collect();
        format!("is_some (accept start [\n  {}]) = true", steps.join(";\n  "))
    });
}

/// Adds a goal to the file of that name, if certificates are asked for.
pub(crate) fn goal(file: &'static str, text: impl FnOnce() -> String) {
    let Some(folder) = env::var_os("SEEDLOOP_CERTIFICATES") else { return };
    let mut files = FILES.lock().expect("nobody panics with it");
    let out = files.entry(file).or_insert_with(|| {
        begin(Path::new(&folder), file)
            .unwrap_or_else(|error| panic!("SEEDLOOP_CERTIFICATES={}: {error}", folder.display()))
    });
    write!(out, "\nGoal {}.\nProof. vm_compute. reflexivity. Qed.\n", text()).expect("to a file");
}

fn begin(folder: &Path, name: &str) -> io::Result<File> {
    fs::create_dir_all(folder)?;
    let mut file = File::create(folder.join(name).with_extension("v"))?;
    file.write_all(HEAD.as_bytes())?;
    Ok(file)
}
