//! Who rings, and who hears: LISTEN and NOTIFY, a comfort that nothing depends on.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::poll_fn;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::types::Type;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Socket};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use super::connect::Connector;
use super::error::Trouble;
use super::session::{Db, Schema};
use crate::clock::Timestamp;
use crate::entropy;
use crate::store::Wakes;

/// At most one notification of this process in so long, because each takes a lock that the whole server shares; and at most one that
/// is heard.
const PAUSE: Duration = Duration::from_millis(20);

/// How long after a lost connection another one is made.
const RECONNECT: Duration = Duration::from_secs(1);

/// How often it is asked whether the server that is listened to still takes writes, and how long connecting and answers may take.
const CHECK: Duration = Duration::from_secs(10);

/// Rings when this process has stored work that another may do, and hears when another has. Its tasks end with the last handle.
#[derive(Clone, Debug)]
pub(super) struct Bell {
    rung: Arc<Notify>,
    heard: watch::Sender<()>,
    /// Tells this process's notifications from others'.
    own: Uuid,
    ended: CancellationToken,
    _end: Arc<DropGuard>,
}

impl Bell {
    /// Rings from now on. Must be called within a tokio runtime.
    pub(super) fn new(db: Db) -> Self {
        let (rung, token) = (Arc::new(Notify::new()), CancellationToken::new());
        let own = entropy::uuid_v7(Timestamp::EPOCH);
        tokio::spawn(token.clone().run_until_cancelled_owned(ring(db, rung.clone(), own)));
        let _end = Arc::new(token.clone().drop_guard());
        Self { rung, heard: watch::Sender::new(()), own, ended: token, _end }
    }

    /// After a commit, never within a transaction.
    pub(super) fn ring(&self) {
        self.rung.notify_one();
    }

    /// When the last handle is gone.
    pub(super) fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }

    pub(super) fn wakes(&self) -> Wakes {
        Wakes::from(self.heard.subscribe())
    }

    /// Hears others from now on, on a connection of its own.
    pub(super) fn listen<T>(&self, config: Config, connector: Connector<T>, schema: Schema)
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let (heard, own) = (self.heard.clone(), self.own.to_string());
        let listening = async move {
            loop {
                if let Err(error) = listen_once(&config, &connector, &schema, (&heard, &own)).await {
                    tracing::info!(%error, "no notifications for the moment; work is found by looking for it");
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

async fn ring(db: Db, rung: Arc<Notify>, own: Uuid) {
    let (channel, own) = (channel(&db.schema), own.to_string());
    loop {
        rung.notified().await;
        let params = [(&channel as _, Type::TEXT), (&own as _, Type::TEXT)];
        if let Err(error) = db.query("SELECT pg_notify($1, $2)", &params).await {
            tracing::debug!(%error, "nobody was notified; work is found by looking for it");
        }
        sleep(PAUSE).await;
    }
}

/// Listens until the connection is lost.
async fn listen_once<T>(
    config: &Config,
    connector: &Connector<T>,
    schema: &Schema,
    (heard, own): (&watch::Sender<()>, &str),
) -> Result<(), Trouble>
where
    T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
    T::Stream: Send,
    T::TlsConnect: Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    let (client, connection) = timeout(CHECK, connector.reach(config)).await.map_err(|_| Trouble::NoConnection)??;
    let listen = async {
        client.batch_execute(&format!("LISTEN \"{}\"", channel(schema))).await?;
        // Whatever was said before.
        heard.send_replace(());
        loop {
            sleep(CHECK).await;
            timeout(CHECK, check(&client)).await.map_err(|_| Trouble::TooLong)??;
        }
    };
    tokio::select! {
        failed = listen => failed,
        ended = pass_on(connection, heard, own) => Ok(ended?),
    }
}

/// A server that is no longer the primary notifies nobody.
async fn check(client: &Client) -> Result<(), Trouble> {
    let rows = client.query_typed("SELECT pg_is_in_recovery()", &[]).await?;
    let is_standby = rows.first().is_some_and(|row| row.try_get(0).unwrap_or(false));
    if is_standby { Err(Trouble::Overtaken) } else { Ok(()) }
}

async fn pass_on<S, T>(
    mut connection: Connection<S, T>,
    heard: &watch::Sender<()>,
    own: &str,
) -> Result<(), tokio_postgres::Error>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    // Any login may notify, and as often as it likes: all is read, and what comes at once is heard once.
    let (mut waiting, mut pausing) = (false, false);
    let mut pause = pin!(sleep(Duration::ZERO));
    loop {
        tokio::select! {
            message = poll_fn(|context| connection.poll_message(context)) => match message {
                Some(message) => waiting |= is_from_another(&message?, own),
                None => return Ok(()),
            },
            () = &mut pause, if pausing => pausing = false,
        }
        if waiting && !pausing {
            heard.send_replace(());
            (waiting, pausing) = (false, true);
            pause.set(sleep(PAUSE));
        }
    }
}

fn is_from_another(message: &AsyncMessage, own: &str) -> bool {
    matches!(message, AsyncMessage::Notification(notification) if notification.payload() != own)
}
