//! LISTEN and NOTIFY between processes. They only save time: workers find the work without them.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::poll_fn;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::types::Type;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Socket};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::connect::Connector;
use super::error::StoreFailure;
use super::session::{Db, Schema};
use crate::clock::Timestamp;
use crate::entropy;
use crate::store::ChangeListener;

/// The minimum time between two notifications of this process, because each takes a lock that is global to the server; and between two
/// reports of notifications from others.
const PAUSE: Duration = Duration::from_millis(20);

/// The time between a lost connection and the next one.
const RECONNECT: Duration = Duration::from_secs(1);

/// The end of a notification that reports rows of the outbox.
const ROWS: &str = " rows";

/// How often the listening connection checks that its server still accepts writes, and the time limit of this check and of connecting.
const CHECK: Duration = Duration::from_secs(10);

/// Notifies other processes when this one has stored work, and reports their notifications. Its tasks end with the last handle.
#[derive(Clone, Debug)]
pub(super) struct Notifier {
    waiting: Arc<Waiting>,
    listener: Listener,
    ended: CancellationToken,
    _end: Arc<DropGuard>,
}

/// What is to be reported to other processes.
#[derive(Debug, Default)]
struct Waiting {
    wakeup: Notify,
    /// Work that is stored.
    has_work: AtomicBool,
    /// Rows of the outbox that will be committed.
    has_rows: AtomicBool,
}

impl Waiting {
    fn report(&self, what: &AtomicBool) {
        what.store(true, Ordering::Relaxed);
        self.wakeup.notify_one();
    }
}

impl Notifier {
    /// Starts the task that sends notifications. Must be called within a tokio runtime.
    pub(super) fn new(db: Db) -> Self {
        let (waiting, token) = (Arc::<Waiting>::default(), CancellationToken::new());
        let listener = Listener {
            changes: watch::Sender::new(()),
            writes: watch::Sender::new(()),
            connected: watch::Sender::new(false),
            own: entropy::uuid_v7(Timestamp::EPOCH).to_string(),
        };
        let sending = send_notifications(db, waiting.clone(), listener.own.clone());
        tokio::spawn(token.clone().run_until_cancelled_owned(sending));
        let _end = Arc::new(token.clone().drop_guard());
        Self { waiting, listener, ended: token, _end }
    }

    /// Requests a notification. Must be called after a commit, never within a transaction.
    pub(super) fn notify(&self) {
        self.waiting.report(&self.waiting.has_work);
    }

    /// Cancelled when the last handle is dropped.
    pub(super) fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }

    pub(super) fn changes(&self) -> ChangeListener {
        ChangeListener::from(self.listener.changes.subscribe()).connected(self.listener.connected.subscribe())
    }

    /// Reports to all processes that this one has written a row of the outbox, in a transaction that is not committed yet.
    pub(super) fn report_write(&self) {
        self.listener.writes.send_replace(());
        self.waiting.report(&self.waiting.has_rows);
    }

    pub(super) fn writes(&self) -> ChangeListener {
        ChangeListener::from(self.listener.writes.subscribe())
    }

    /// Starts to listen for other processes, on a connection of its own.
    pub(super) fn listen<T>(&self, config: Config, connector: Connector<T>, schema: Schema)
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let listener = self.listener.clone();
        let listening = async move {
            loop {
                if let Err(error) = listener.listen_once(&config, &connector, &schema).await {
                    tracing::info!(%error, "PostgreSQL: notifications are interrupted; workers poll until the connection is back");
                }
                sleep(RECONNECT).await;
            }
        };
        tokio::spawn(self.ended().run_until_cancelled_owned(listening));
    }
}

fn channel(schema: &Schema) -> String {
    format!("hookwire_{}", schema.name())
}

async fn send_notifications(db: Db, waiting: Arc<Waiting>, own: String) {
    let channel = channel(&db.schema);
    let payloads = [(&waiting.has_work, own.clone()), (&waiting.has_rows, format!("{own}{ROWS}"))];
    loop {
        waiting.wakeup.notified().await;
        for (what, payload) in &payloads {
            if !what.swap(false, Ordering::Relaxed) {
                continue;
            }
            let params = [(&channel as _, Type::TEXT), (payload as _, Type::TEXT)];
            if let Err(error) = db.query("SELECT pg_notify($1, $2)", &params).await {
                tracing::debug!(%error, "PostgreSQL: a notification was not sent; it is sent again, and workers find the work by polling");
                sleep(RECONNECT).await;
                waiting.report(what);
            }
        }
        sleep(PAUSE).await;
    }
}

/// Passes notifications on to the workers of this process. It holds no handle, so it does not keep its own task alive.
#[derive(Clone, Debug)]
struct Listener {
    /// Reports work that other processes have stored.
    changes: watch::Sender<()>,
    /// Reports rows of the outbox that any process writes.
    writes: watch::Sender<()>,
    /// Whether the listening connection is open.
    connected: watch::Sender<bool>,
    /// Distinguishes this process's notifications from others'.
    own: String,
}

/// Says that the connection is lost when it is dropped, also if the task ends.
struct Connected<'a>(&'a watch::Sender<bool>);

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        self.0.send_replace(false);
    }
}

impl Listener {
    /// Listens until the connection is lost.
    async fn listen_once<T>(
        &self,
        config: &Config,
        connector: &Connector<T>,
        schema: &Schema,
    ) -> Result<(), StoreFailure>
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let (client, connection) =
            timeout(CHECK, connector.connect_any(config)).await.map_err(|_| StoreFailure::NoConnection)??;
        let listen = async {
            client.batch_execute(&format!("LISTEN \"{}\"", channel(schema))).await?;
            self.connected.send_replace(true);
            let _until_lost = Connected(&self.connected);
            // Reports what may have happened before this connection listened.
            self.changes.send_replace(());
            loop {
                sleep(CHECK).await;
                timeout(CHECK, check(&client)).await.map_err(|_| StoreFailure::TooLong)??;
            }
        };
        tokio::select! {
            failed = listen => failed,
            ended = self.report_notifications(connection) => Ok(ended?),
        }
    }

    async fn report_notifications<S, T>(&self, mut connection: Connection<S, T>) -> Result<(), tokio_postgres::Error>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
        T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        // Every login may notify as often as it likes: all messages are read, and messages in quick succession are reported once.
        let (mut has_work, mut has_rows, mut pausing) = (false, false, false);
        let mut pause = pin!(sleep(Duration::ZERO));
        loop {
            tokio::select! {
                message = poll_fn(|context| connection.poll_message(context)) => match message {
                    Some(message) => {
                        if let Some(payload) = payload_of(&message?).filter(|payload| !payload.starts_with(&self.own)) {
                            let is_of_rows = payload.ends_with(ROWS);
                            has_rows |= is_of_rows;
                            has_work |= !is_of_rows;
                        }
                    }
                    None => return Ok(()),
                },
                () = &mut pause, if pausing => pausing = false,
            }
            if (has_work || has_rows) && !pausing {
                if has_work {
                    self.changes.send_replace(());
                }
                if has_rows {
                    self.writes.send_replace(());
                }
                (has_work, has_rows, pausing) = (false, false, true);
                pause.set(sleep(PAUSE));
            }
        }
    }
}

/// Fails on a server that is no longer the primary, because a standby sends no notifications.
async fn check(client: &Client) -> Result<(), StoreFailure> {
    let rows = client.query_typed("SELECT pg_is_in_recovery()", &[]).await?;
    let is_standby = rows.first().is_some_and(|row| row.try_get(0).unwrap_or(false));
    if is_standby { Err(StoreFailure::Overtaken) } else { Ok(()) }
}

/// The payload, if the message is a notification.
fn payload_of(message: &AsyncMessage) -> Option<String> {
    match message {
        AsyncMessage::Notification(notification) => Some(notification.payload().to_owned()),
        _ => None,
    }
}
