//! A pool of connections to Postgres in which every wait is bounded.
//!
//! Postgres ends statements and lock waits that take too long, and transactions whose node has stopped. If the database
//! does not answer at all, this side stops waiting and drops the connection.

use std::io;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Executor, PgPool};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::cause::NO_ANSWER;
use crate::store::{Error, outage};

/// The longest time that a new node waits for its database, since both are often started together.
pub const START_MAX: Duration = Duration::from_secs(10);
/// The pause between two attempts to connect at the start.
const START_PAUSE: Duration = Duration::from_millis(200);
/// The longest time that a migration tries to get its locks, or waits for another node's migration.
const MIGRATION_MAX: Duration = Duration::from_mins(1);
/// The longest wait of a migration for a lock. Requests queue behind that wait, so the migration lets them pass and
/// tries again.
const MIGRATION_LOCK_MAX: Duration = Duration::from_millis(250);
/// The extra time that Postgres has to report that a statement took too long.
const GRACE: Duration = Duration::from_millis(250);
/// The number of unanswered keepalives after which a connection is dropped.
const KEEPALIVES: u32 = 3;

/// The bounds on the waits of this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The most connections of this node.
    pub connections: u32,
    /// The longest wait for a free or a new connection.
    pub connect: Duration,
    pub statement: Duration,
    /// The longest wait of a statement for a lock.
    pub lock: Duration,
    /// The longest wait of a transaction for its next statement.
    pub idle: Duration,
    /// The interval of the keepalives on a silent connection.
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
    /// Returns the longest time that this side waits for a statement.
    fn answer(&self) -> Duration {
        self.statement + GRACE
    }

    /// Returns a statement that makes Postgres enforce these bounds on a connection. Its keepalives find out if a
    /// silent node is gone, whose locks must be released; a socket without a network ignores them.
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

/// Returns the address of a Postgres: a host and port, or the folder of its socket.
pub fn host(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}

/// Waits for a database that is starting.
///
/// # Errors
/// The cause, if no database answers within `patience`, or at once if the database refuses these options.
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

/// True if the error shows that a database may accept this node soon.
fn is_starting(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => error.kind() == io::ErrorKind::ConnectionRefused,
        // The database starts or stops, or has its most connections.
        sqlx::Error::Database(error) => matches!(error.code().as_deref(), Some("57P03" | "53300")),
        _ => false,
    }
}

/// Opens the pool after `migrate` has brought the schema up to date.
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

/// Returns a pool that connects when it is first used.
pub fn pool(options: PgConnectOptions, bounds: Bounds) -> PgPool {
    let pool = PgPoolOptions::new()
        .max_connections(bounds.connections)
        .acquire_timeout(bounds.connect)
        .after_connect(move |one, _| Box::pin(async move { set(one, bounds.statement()).await }))
        // The test of the pool itself has no time limit.
        .test_before_acquire(false)
        .before_acquire(move |one, _| Box::pin(alive(one, bounds.connect / 3)))
        // A connection whose statement was given up must not be waited for, nor keep its place in the pool.
        .after_release(move |one, _| Box::pin(alive(one, bounds.connect)));
    pool.connect_lazy_with(options)
}

async fn set(connection: &mut PgConnection, statement: String) -> Result<(), sqlx::Error> {
    connection.execute(sqlx::raw_sql(AssertSqlSafe(statement))).await.map(|_| ())
}

/// Tests a connection; an error makes the pool drop it.
async fn alive(connection: &mut PgConnection, within: Duration) -> Result<bool, sqlx::Error> {
    timeout(within, connection.ping()).await.map_err(|_| sqlx::Error::PoolTimedOut)??;
    Ok(true)
}

/// Waits for the result of a statement no longer than the bounds allow.
pub async fn answer<T>(bounds: &Bounds, statement: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, Error> {
    Ok(timeout(bounds.answer(), statement).await.map_err(|_| Error::Slow)??)
}

/// Begins a transaction, including the wait for a connection.
pub async fn begin<T>(bounds: &Bounds, begun: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, Error> {
    Ok(timeout(bounds.connect + GRACE, begun).await.map_err(|_| Error::Slow)??)
}
