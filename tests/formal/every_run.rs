//! Every run of this process is held against the model. To be included by a test binary.

#[path = "lockstep/mod.rs"]
pub(crate) mod lockstep;

/// Before `main`, so that no run is missed.
#[ctor::ctor]
fn install() {
    if let Err(text) = seedloop::lockstep::install(Box::new(lockstep::check)) {
        eprintln!("{text}");
        std::process::exit(2);
    }
}
