//! `bluetooth_driver_bad`: a task works with a device while another stops it. The first looks
//! whether the device is stopping before it counts itself in; in between it may be stopped. Both
//! are tasks, as in the artefact; in SCTBench the first is main itself.

use seedloop::Error;

use super::{Crew, Lock, Start, Tracked, add, ensure, lock, read, unlock, write};

#[derive(Clone)]
struct Device {
    /// Makes a few accesses one: SCTBench's "atomic" is a lock.
    atomic: Lock,
    pending: Tracked<i64>,
    stopping: Tracked<bool>,
    may_stop: Tracked<bool>,
    stopped: Tracked<bool>,
}

impl Device {
    /// Counts one more user, if it is not stopping.
    async fn enter(&self) -> Result<bool, Error> {
        if read(&self.stopping).await? {
            return Ok(false);
        }
        let guard = lock(&self.atomic).await?;
        add(&self.pending, 1).await?;
        unlock(guard).await?;
        Ok(true)
    }

    /// Counts one less; the last one lets it stop.
    async fn leave(&self) -> Result<(), Error> {
        let guard = lock(&self.atomic).await?;
        add(&self.pending, -1).await?;
        let pending = read(&self.pending).await?;
        unlock(guard).await?;
        if pending == 0 {
            write(&self.may_stop, true).await?;
        }
        Ok(())
    }
}

pub(super) async fn main(start: Start) -> Result<(), Error> {
    let no = || Tracked::new(false);
    let pending = Tracked::new(1);
    let device =
        Device { atomic: Lock::new(), pending, stopping: no(), may_stop: no(), stopped: no() };
    let mut crew = Crew::new(start);
    crew.start(stop(device.clone())).await?;
    crew.start(work(device)).await?;
    crew.join().await
}

async fn work(device: Device) -> Result<(), Error> {
    if device.enter().await? {
        ensure(!read(&device.stopped).await?)?;
    }
    device.leave().await
}

async fn stop(device: Device) -> Result<(), Error> {
    write(&device.stopping, true).await?;
    device.leave().await?;
    if read(&device.may_stop).await? {
        write(&device.stopped, true).await?;
    }
    Ok(())
}
