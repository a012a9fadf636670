//! A yield that knows no runtime: it wakes its own waker once. So a poll through it pays for the
//! waker too.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// Pending once.
#[derive(Default)]
struct Yield {
    polled: bool,
}

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.polled, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Yields so often.
pub(crate) async fn yields(count: u64) {
    for _ in 0..count {
        Yield::default().await;
    }
}
