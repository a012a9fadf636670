//! redis-rs #325: a command on `aio::Connection` that is dropped after it was sent leaves its
//! reply in the connection, and the next command takes it for its own. Task a must be cancelled
//! between the two. No release mended it (the type went in 0.30): the fixed variant asks through a
//! `MultiplexedConnection` of the same version, which drops the reply.

#[path = "../support.rs"]
mod support;

use std::{io, process::ExitCode, rc::Rc};

use redis::{RedisConnectionInfo, RedisResult, cmd};
use seedloop::{Error, gather, spawn_named};
use support::hunt;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex, split},
    sync::Mutex,
};

fn main() -> ExitCode {
    hunt(program)
}

#[cfg(not(feature = "fixed"))]
async fn connect(stream: DuplexStream) -> RedisResult<redis::aio::Connection<DuplexStream>> {
    redis::aio::Connection::new(&RedisConnectionInfo::default(), stream).await
}

#[cfg(feature = "fixed")]
async fn connect(stream: DuplexStream) -> RedisResult<redis::aio::MultiplexedConnection> {
    let info = RedisConnectionInfo::default();
    let (connection, driver) = redis::aio::MultiplexedConnection::new(&info, stream).await?;
    spawn_named("driver", driver);
    Ok(connection)
}

/// Answers each command with its last word, as Redis does to ECHO. A command is a line with the
/// number of its words, and two lines for each: its length, and the word.
async fn serve(stream: DuplexStream) -> io::Result<()> {
    let (reads, mut writes) = split(stream);
    let mut lines = BufReader::new(reads).lines();
    while let Some(count) = lines.next_line().await? {
        let count: usize = count[1..].parse().expect("* and a number");
        let mut word = String::new();
        for _ in 0..2 * count {
            word = lines.next_line().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        }
        let reply = format!("${}\r\n{word}\r\n", word.len());
        writes.write_all(reply.as_bytes()).await?;
    }
    Ok(())
}

async fn program() -> Result<(), Error> {
    let (client, server) = duplex(1024);
    spawn_named("server", async { serve(server).await.expect("a client that sends commands") });
    let connection = connect(client).await.expect("the server answers");
    let connection = Rc::new(Mutex::new(connection));
    let ask = |name| {
        let connection = connection.clone();
        spawn_named(name, async move {
            let mut connection = connection.lock().await;
            let reply = cmd("ECHO").arg(name).query_async::<_, String>(&mut *connection).await;
            assert_eq!(reply.expect("the server answers"), name, "the reply to another command");
        })
    };
    let _ends = gather((ask("a").cancellable(), ask("b"))).return_exceptions().await?;
    Ok(())
}
