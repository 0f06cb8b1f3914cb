//! TLS sessions that later connections resume. The cache of rustls keeps those of 32 servers, in the order of their first connection;
//! a sender has thousands of servers.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quick_cache::sync::Cache;
use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;

/// The number of servers whose sessions are kept by default.
pub(super) const SERVERS: usize = 2_048;

/// The number of TLS 1.3 tickets of one server, which bounds what a server can make the client hold. Each ticket can be used once, and a
/// full handshake usually brings two.
const TICKETS: usize = 2;

/// Keeps the sessions of this number of servers; none if it is zero.
pub(super) fn resumption(servers: usize) -> Resumption {
    match servers {
        0 => Resumption::disabled(),
        _ => Resumption::store(Arc::new(TlsSessions(Cache::new(servers)))),
    }
}

#[derive(Default)]
struct Server {
    group: Option<NamedGroup>,
    tls12: Option<Tls12ClientSessionValue>,
    /// The oldest first.
    tls13: VecDeque<Tls13ClientSessionValue>,
}

struct TlsSessions(Cache<ServerName<'static>, Arc<Mutex<Server>>>);

impl TlsSessions {
    fn find(&self, name: &ServerName<'_>) -> Option<Arc<Mutex<Server>>> {
        self.0.get(&name.to_owned())
    }

    fn find_or_add(&self, name: ServerName<'static>) -> Arc<Mutex<Server>> {
        if let Some(server) = self.0.get(&name) {
            return server;
        }
        let server = Arc::<Mutex<Server>>::default();
        self.0.insert(name, server.clone());
        server
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

impl ClientSessionStore for TlsSessions {
    fn set_kx_hint(&self, server_name: ServerName<'static>, group: NamedGroup) {
        lock(&self.find_or_add(server_name)).group = Some(group);
    }

    fn kx_hint(&self, server_name: &ServerName<'_>) -> Option<NamedGroup> {
        lock(&*self.find(server_name)?).group
    }

    fn set_tls12_session(&self, server_name: ServerName<'static>, value: Tls12ClientSessionValue) {
        lock(&self.find_or_add(server_name)).tls12 = Some(value);
    }

    fn tls12_session(&self, server_name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        lock(&*self.find(server_name)?).tls12.clone()
    }

    fn remove_tls12_session(&self, server_name: &ServerName<'static>) {
        if let Some(server) = self.find(server_name) {
            lock(&server).tls12 = None;
        }
    }

    fn insert_tls13_ticket(&self, server_name: ServerName<'static>, value: Tls13ClientSessionValue) {
        let server = self.find_or_add(server_name);
        let mut server = lock(&server);
        if server.tls13.len() >= TICKETS {
            server.tls13.pop_front();
        }
        server.tls13.push_back(value);
    }

    fn take_tls13_ticket(&self, server_name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        lock(&*self.find(server_name)?).tls13.pop_back()
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
        let sessions = TlsSessions(Cache::new(100));
        for number in 0..1_000 {
            sessions.set_kx_hint(name(number), NamedGroup::X25519);
        }
        assert!((50..=100).contains(&sessions.0.len()), "{}", sessions.0.len());
        assert_eq!(sessions.kx_hint(&name(999)), Some(NamedGroup::X25519));
        assert_eq!(format!("{sessions:?}"), format!("TlsSessions {{ servers: {}, .. }}", sessions.0.len()));
    }
}
