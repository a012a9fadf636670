//! tower #656: `CallAll` polls its stream of requests again and again inside one poll when there
//! is no request yet: no other task runs.

#[path = "../support.rs"]
mod support;

use std::{convert::Infallible, pin::pin, process::ExitCode};

use futures_util::{Stream, StreamExt, stream};
use seedloop::{Error, Queue, gather, spawn_named, yield_now};
use support::hunt;
use tower::{ServiceExt, service_fn};

fn main() -> ExitCode {
    hunt(program)
}

/// What is in the queue, up to the first `None`.
fn requests(queue: Queue<Option<u32>>) -> impl Stream<Item = u32> {
    let next = |queue: Queue<Option<u32>>| async {
        let request = queue.get().await.ok().flatten()?;
        Some((request, queue))
    };
    let mut requests = stream::unfold(queue, next).boxed_local();
    let mut polls = 0;
    stream::poll_fn(move |context| {
        polls += 1;
        assert!(polls < 4_000, "polled {polls} times, and nobody else");
        requests.poll_next_unpin(context)
    })
}

async fn program() -> Result<(), Error> {
    let queue = Queue::new(0);
    let requests = requests(queue.clone());
    let client = spawn_named("client", async move {
        let service = service_fn(|request: u32| async move { Ok::<u32, Infallible>(request) });
        let mut answers = pin!(service.call_all(requests));
        while answers.next().await.is_some() {}
    });
    let producer = spawn_named("producer", async move {
        queue.put(Some(1)).await?;
        yield_now().await?;
        queue.put(Some(2)).await?;
        queue.put(None).await
    });
    gather((client, producer)).await?;
    Ok(())
}
