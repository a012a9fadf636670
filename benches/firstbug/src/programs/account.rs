//! Two programs whose bug is an order of critical sections: `account_bad`, whose check is wrong
//! once both others are done, and `lazy01_bad`, whose last section must not be the last. In both
//! the checking task is started first, as in the artefact.

use seedloop::Error;

use super::{Crew, Lock, Start, Tracked, add, ensure, lock, read, unlock, write};

const BEFORE: i64 = 1;
const DEPOSIT: i64 = 2;
const WITHDRAWAL: i64 = 4;

#[derive(Clone)]
struct Account {
    lock: Lock,
    balance: Tracked<i64>,
    deposited: Tracked<bool>,
    withdrawn: Tracked<bool>,
}

pub(super) async fn main(start: Start) -> Result<(), Error> {
    let account = Account {
        lock: Lock::new(),
        balance: Tracked::new(BEFORE),
        deposited: Tracked::new(false),
        withdrawn: Tracked::new(false),
    };
    let (deposited, withdrawn) = (account.deposited.clone(), account.withdrawn.clone());
    let mut crew = Crew::new(start);
    crew.start(check(account.clone())).await?;
    crew.start(book(account.clone(), DEPOSIT, deposited)).await?;
    crew.start(book(account, -WITHDRAWAL, withdrawn)).await?;
    crew.join().await
}

async fn book(account: Account, amount: i64, done: Tracked<bool>) -> Result<(), Error> {
    let guard = lock(&account.lock).await?;
    add(&account.balance, amount).await?;
    write(&done, true).await?;
    unlock(guard).await
}

/// Subtracts the deposit: that is the bug.
async fn check(account: Account) -> Result<(), Error> {
    let guard = lock(&account.lock).await?;
    if read(&account.deposited).await? && read(&account.withdrawn).await? {
        ensure(read(&account.balance).await? == BEFORE - DEPOSIT - WITHDRAWAL)?;
    }
    unlock(guard).await
}

#[derive(Clone, Default)]
struct Lazy {
    lock: Lock,
    data: Tracked<i64>,
}

pub(super) async fn lazy01(start: Start) -> Result<(), Error> {
    let lazy = Lazy::default();
    let mut crew = Crew::new(start);
    crew.start(less_than_three(lazy.clone())).await?;
    crew.start(grow(lazy.clone(), 2)).await?;
    crew.start(grow(lazy, 1)).await?;
    crew.join().await
}

async fn grow(lazy: Lazy, amount: i64) -> Result<(), Error> {
    let guard = lock(&lazy.lock).await?;
    add(&lazy.data, amount).await?;
    unlock(guard).await
}

async fn less_than_three(lazy: Lazy) -> Result<(), Error> {
    let guard = lock(&lazy.lock).await?;
    ensure(read(&lazy.data).await? < 3)?;
    unlock(guard).await
}
