//! TLS sessions that later connections resume. The cache of rustls keeps those of 32 servers and drops the server that was added first; a
//! sender has thousands of servers.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quick_cache::sync::Cache;
use rustls::client::{ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, NamedGroup};

use super::meter::Meter;

/// The number of TLS 1.3 tickets of one server. Each can be used once, and a full handshake usually brings two.
const TICKETS: usize = 2;

/// A session is kept only if the connection has received at most this many bytes before. A session contains a ticket and the certificates of
/// the server, which may be of an earlier connection, so it has at most twice this size. Usual handshakes have 3 to 6 KiB.
const MAX_RECEIVED: u64 = 12 * 1024;

/// The sessions of the servers that were used most recently. Clones share them.
#[derive(Clone)]
pub(in crate::sender) struct TlsSessions(Arc<Cache<ServerName<'static>, Arc<Mutex<Server>>>>);

#[derive(Default)]
struct Server {
    group: Option<NamedGroup>,
    tls12: Option<Tls12ClientSessionValue>,
    /// The oldest first.
    tls13: VecDeque<Tls13ClientSessionValue>,
}

impl TlsSessions {
    /// Keeps the sessions of this number of servers.
    pub(in crate::sender) fn of_servers(servers: usize) -> Self {
        Self(Arc::new(Cache::new(servers)))
    }

    /// The configuration of a connection that uses these sessions.
    pub(super) fn configure(&self, config: &ClientConfig, meter: &Meter) -> ClientConfig {
        let store = ConnectionSessions { all: self.clone(), meter: meter.clone() };
        let mut config = config.clone();
        config.resumption = Resumption::store(Arc::new(store));
        config
    }

    fn find(&self, name: &ServerName<'_>) -> Option<Arc<Mutex<Server>>> {
        self.0.get(&name.to_owned())
    }

    fn find_or_add(&self, name: &ServerName<'static>) -> Arc<Mutex<Server>> {
        let added = self.0.get_or_insert_with(name, || Ok::<_, std::convert::Infallible>(Arc::default()));
        match added {
            Ok(server) => server,
            Err(never) => match never {},
        }
    }
}

fn lock(server: &Mutex<Server>) -> MutexGuard<'_, Server> {
    server.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sessions are secret.
impl fmt::Debug for TlsSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSessions").field("servers", &self.0.len()).finish_non_exhaustive()
    }
}

/// The sessions, as one connection uses them.
#[derive(Debug)]
struct ConnectionSessions {
    all: TlsSessions,
    meter: Meter,
}

impl ConnectionSessions {
    fn is_small(&self) -> bool {
        self.meter.received() <= MAX_RECEIVED
    }
}

impl ClientSessionStore for ConnectionSessions {
    fn set_kx_hint(&self, server_name: ServerName<'static>, group: NamedGroup) {
        lock(&self.all.find_or_add(&server_name)).group = Some(group);
    }

    fn kx_hint(&self, server_name: &ServerName<'_>) -> Option<NamedGroup> {
        lock(&*self.all.find(server_name)?).group
    }

    fn set_tls12_session(&self, server_name: ServerName<'static>, value: Tls12ClientSessionValue) {
        if self.is_small() {
            lock(&self.all.find_or_add(&server_name)).tls12 = Some(value);
        }
    }

    fn tls12_session(&self, server_name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        lock(&*self.all.find(server_name)?).tls12.clone()
    }

    fn remove_tls12_session(&self, server_name: &ServerName<'static>) {
        if let Some(server) = self.all.find(server_name) {
            lock(&server).tls12 = None;
        }
    }

    fn insert_tls13_ticket(&self, server_name: ServerName<'static>, value: Tls13ClientSessionValue) {
        if !self.is_small() {
            return;
        }
        let server = self.all.find_or_add(&server_name);
        let mut server = lock(&server);
        if server.tls13.len() >= TICKETS {
            server.tls13.pop_front();
        }
        server.tls13.push_back(value);
    }

    fn take_tls13_ticket(&self, server_name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        lock(&*self.all.find(server_name)?).tls13.pop_back()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: usize) -> ServerName<'static> {
        ServerName::try_from(format!("host-{number}.example")).unwrap_or_else(|_| unreachable!("the name is valid"))
    }

    #[test]
    fn the_number_of_servers_is_bounded() {
        let sessions = TlsSessions::of_servers(100);
        for number in 0..1_000 {
            lock(&sessions.find_or_add(&name(number))).group = Some(NamedGroup::X25519);
        }
        assert!((50..=100).contains(&sessions.0.len()), "{}", sessions.0.len());
        let last = sessions.find(&name(999)).unwrap();
        assert_eq!(lock(&last).group, Some(NamedGroup::X25519));
        assert_eq!(format!("{sessions:?}"), format!("TlsSessions {{ servers: {}, .. }}", sessions.0.len()));
    }
}
