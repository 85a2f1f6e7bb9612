//! A pool of connections to Postgres in which nothing waits for ever.
//!
//! Postgres ends statements and locks that take too long, and transactions whose node does not go on. This side gives up
//! on a database that says nothing at all, and drops the connection.

use std::io;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Executor, PgPool};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::cause::NO_ANSWER;
use crate::store::{Error, outage};

/// Nodes and databases are often started together: for so long a new node waits for its database.
pub const START_MAX: Duration = Duration::from_secs(10);
/// The pause before a new node asks again.
const START_PAUSE: Duration = Duration::from_millis(200);
/// A migration tries for so long to get its locks, or for another node's to end.
const MIGRATION_MAX: Duration = Duration::from_mins(1);
/// Requests wait for a table that a migration waits for. It lets them pass after so long, and tries again.
const MIGRATION_LOCK_MAX: Duration = Duration::from_millis(250);
/// After a statement's time is over, Postgres has so long to say so.
const GRACE: Duration = Duration::from_millis(250);
/// A connection that nobody hears of is given up after so many questions.
const KEEPALIVES: u32 = 3;

/// The longest waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Connections of this node.
    pub connections: u32,
    /// For a free connection, a new one included.
    pub connect: Duration,
    pub statement: Duration,
    /// The wait of a statement for a lock that another one holds.
    pub lock: Duration,
    /// The wait of a transaction for its next statement.
    pub idle: Duration,
    /// Between two questions whether the other side of a silent connection is there.
    pub keepalive: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 16,
            connect: Duration::from_millis(1500),
            statement: Duration::from_millis(1500),
            lock: Duration::from_secs(1),
            idle: Duration::from_secs(5),
            keepalive: Duration::from_secs(10),
        }
    }
}

impl Bounds {
    /// For how long this side waits for a statement.
    fn answer(&self) -> Duration {
        self.statement + GRACE
    }

    /// A statement that makes Postgres keep these bounds on a connection. Postgres asks whether a silent node is still
    /// there, since the locks of a lost one must go; keepalives are ignored where there is no network.
    fn statement(&self) -> String {
        let Self { statement, lock, idle, keepalive, .. } = self;
        let [statement, lock, idle] = [statement, lock, idle].map(Duration::as_millis);
        let seconds = keepalive.as_secs();
        let lost_ms = keepalive.as_millis() * u128::from(1 + KEEPALIVES);
        format!(
            "SET statement_timeout = {statement}; SET lock_timeout = {lock};
             SET idle_in_transaction_session_timeout = {idle};
             SET tcp_keepalives_idle = {seconds}; SET tcp_keepalives_interval = {seconds};
             SET tcp_keepalives_count = {KEEPALIVES}; SET tcp_user_timeout = {lost_ms}"
        )
    }
}

/// Where a Postgres listens: a host and port, or the folder of its socket.
pub fn host(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}

/// Waits for a database that is starting.
///
/// # Errors
/// The cause, if nobody answers within `patience`, and at once if the database lets nobody in by these options.
pub async fn reach(options: &PgConnectOptions, patience: Duration) -> Result<(), Error> {
    let until = Instant::now() + patience;
    let failed = |cause| Error::Connect { place: host(options), cause };
    loop {
        let attempt = timeout_at(until, PgConnection::connect_with(options)).await;
        let error = match attempt.map_err(|_| failed(NO_ANSWER.to_owned()))? {
            Ok(connection) => return Ok(connection.close().await?),
            Err(error) => error,
        };
        if !is_starting(&error) || Instant::now() + START_PAUSE >= until {
            return Err(failed(outage::cause(&error)));
        }
        sleep(START_PAUSE).await;
    }
}

/// Whether a database that answers so, or not at all, may let this node in soon.
fn is_starting(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => error.kind() == io::ErrorKind::ConnectionRefused,
        // It starts or stops, or has as many connections as it takes.
        sqlx::Error::Database(error) => matches!(error.code().as_deref(), Some("57P03" | "53300")),
        _ => false,
    }
}

/// The pool, on a database whose schema `migrate` has brought up to date.
pub async fn open<F: Future<Output = Result<(), Error>>>(
    options: PgConnectOptions,
    bounds: Bounds,
    migrate: impl Fn(PgPool) -> F,
) -> Result<PgPool, Error> {
    reach(&options, START_MAX).await?;
    let lock_ms = MIGRATION_LOCK_MAX.as_millis();
    let first = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(START_MAX)
        .after_connect(move |one, _| Box::pin(async move { set(one, format!("SET lock_timeout = {lock_ms}")).await }));
    let first = first.connect_with(options.clone()).await?;
    let until = Instant::now() + MIGRATION_MAX;
    while let Err(error) = migrate(first.clone()).await {
        if !outage::is_locked(&error) || Instant::now() >= until {
            return Err(error);
        }
        sleep(MIGRATION_LOCK_MAX).await;
    }
    first.close().await;
    Ok(pool(options, bounds))
}

/// The pool, which connects when it is first used.
pub fn pool(options: PgConnectOptions, bounds: Bounds) -> PgPool {
    let pool = PgPoolOptions::new()
        .max_connections(bounds.connections)
        .acquire_timeout(bounds.connect)
        .after_connect(move |one, _| Box::pin(async move { set(one, bounds.statement()).await }))
        // The pool's own test has no bound.
        .test_before_acquire(false)
        .before_acquire(move |one, _| Box::pin(alive(one, bounds.connect / 3)))
        // A connection whose statement was given up must not be waited for, nor hold its place.
        .after_release(move |one, _| Box::pin(alive(one, bounds.connect)));
    pool.connect_lazy_with(options)
}

async fn set(connection: &mut PgConnection, statement: String) -> Result<(), sqlx::Error> {
    connection.execute(sqlx::raw_sql(AssertSqlSafe(statement))).await.map(|_| ())
}

/// An error has the pool drop the connection.
async fn alive(connection: &mut PgConnection, within: Duration) -> Result<bool, sqlx::Error> {
    timeout(within, connection.ping()).await.map_err(|_| sqlx::Error::PoolTimedOut)??;
    Ok(true)
}

/// The result of a statement, for which this side waits no longer than its bounds say.
pub async fn answer<T>(bounds: &Bounds, statement: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, Error> {
    Ok(timeout(bounds.answer(), statement).await.map_err(|_| Error::Slow)??)
}

/// A transaction, connection included.
pub async fn begin<T>(bounds: &Bounds, begun: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, Error> {
    Ok(timeout(bounds.connect + GRACE, begun).await.map_err(|_| Error::Slow)??)
}
