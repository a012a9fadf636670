//! `stringbuffer-jdk1.4`: appending another buffer asks for its length, then for so many of its
//! characters; in between it may have become shorter. Both users are tasks, as in the artefact; in
//! SCTBench the appending one is main itself. The capacity is never reached, and left out.

use seedloop::Error;

use super::{Crew, Lock, Start, Tracked, add, ensure, lock, read, unlock, write, yield_now};

const CAPACITY: usize = 19;
const TEXT: &[u8] = b"abc";

#[derive(Clone)]
struct StringBuffer {
    lock: Lock,
    count: Tracked<i64>,
    value: Tracked<[u8; CAPACITY]>,
}

impl StringBuffer {
    fn new(text: &[u8]) -> StringBuffer {
        let mut value = [0; CAPACITY];
        value[..text.len()].copy_from_slice(text);
        let count = Tracked::new(text.len() as i64);
        StringBuffer { lock: Lock::new(), count, value: Tracked::new(value) }
    }

    async fn len(&self) -> Result<i64, Error> {
        let guard = lock(&self.lock).await?;
        let count = read(&self.count).await?;
        unlock(guard).await?;
        Ok(count)
    }

    /// The first `len` characters. There must be as many.
    async fn chars(&self, len: i64) -> Result<Vec<u8>, Error> {
        let guard = lock(&self.lock).await?;
        ensure(len <= read(&self.count).await?)?;
        let chars = read(&self.value).await?[..len as usize].to_vec();
        unlock(guard).await?;
        Ok(chars)
    }

    async fn append_buffer(&self, other: &StringBuffer) -> Result<(), Error> {
        let guard = lock(&self.lock).await?;
        let len = other.len().await?;
        let count = read(&self.count).await? + len;
        let chars = other.chars(len).await?;
        self.put(&chars).await?;
        write(&self.count, count).await?;
        unlock(guard).await
    }

    async fn append(&self, text: &[u8]) -> Result<(), Error> {
        let guard = lock(&self.lock).await?;
        let count = read(&self.count).await? + text.len() as i64;
        self.put(text).await?;
        write(&self.count, count).await?;
        unlock(guard).await
    }

    /// Copies the text behind what is there; counting it is another step.
    async fn put(&self, text: &[u8]) -> Result<(), Error> {
        let at = read(&self.count).await? as usize;
        yield_now().await?;
        self.value.update(|value| value[at..at + text.len()].copy_from_slice(text));
        Ok(())
    }

    /// Takes out all up to `end`.
    async fn erase_to(&self, end: i64) -> Result<(), Error> {
        let guard = lock(&self.lock).await?;
        let end = end.min(read(&self.count).await?);
        if end > 0 {
            let left = read(&self.count).await? - end;
            yield_now().await?;
            self.value.update(|value| value.copy_within(end as usize..(end + left) as usize, 0));
            add(&self.count, -end).await?;
        }
        unlock(guard).await
    }
}

pub(super) async fn main(start: Start) -> Result<(), Error> {
    let shared = StringBuffer::new(TEXT);
    let mut crew = Crew::new(start);
    crew.start(replace(shared.clone())).await?;
    crew.start(copy(shared)).await?;
    crew.join().await
}

async fn replace(shared: StringBuffer) -> Result<(), Error> {
    shared.erase_to(TEXT.len() as i64).await?;
    shared.append(TEXT).await
}

async fn copy(shared: StringBuffer) -> Result<(), Error> {
    StringBuffer::new(b"").append_buffer(&shared).await
}
