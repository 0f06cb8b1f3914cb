//! Several tenants with endpoints at one host: which requests share a connection, and for how long.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hookwire::id::Tenant;
use hookwire::outcome::Outcome;
use hookwire::sender::http::{HttpClient, HttpOptions};
use hookwire::testing::http::exchange;
use http::Request;
use tokio::task::JoinSet;

use super::frames::{self, Peer};
use super::tls::Certified;
use super::{client, options, serve};

/// An HTTP/2 server that responds only to requests without a body. It allows `streams` concurrent streams on a connection.
async fn host(certified: &Certified, streams: u32) -> (String, Arc<AtomicUsize>) {
    let acceptor = certified.acceptor(false);
    let (address, connections) = serve(move |_, stream| {
        let acceptor = acceptor.clone();
        async move {
            let stream = acceptor.accept(stream).await.unwrap();
            let settings = [(frames::MAX_CONCURRENT_STREAMS, streams)];
            let mut peer = Peer::greet_with(stream, &settings).await;
            while let Some((stream, has_body)) = peer.next_upload().await {
                if !has_body {
                    peer.respond(stream).await;
                }
            }
        }
    })
    .await;
    (format!("https://{address}/"), connections)
}

async fn post(client: &HttpClient, tenant: &str, url: &str, body: &'static str) -> Outcome {
    let make = || Request::post(url).body(Bytes::from_static(body.as_bytes())).unwrap();
    exchange(client, Some(&Tenant::from(tenant)), make).await.outcome
}

fn options_with_long_timeout(certified: &Certified) -> HttpOptions {
    options().tls(certified.client()).exchange_timeout(Duration::from_secs(60))
}

#[tokio::test]
async fn a_tenant_with_full_connections_blocks_no_other_tenant_at_the_same_host() {
    for (streams, hanging) in [(1, 3_usize), (4, 11)] {
        let certified = Certified::new();
        let (url, connections) = host(&certified, streams).await;
        let client = client(options_with_long_timeout(&certified));
        for tenant in ["slow", "quick"] {
            assert_eq!(post(&client, tenant, &url, "").await, Outcome::Status(200));
        }
        assert_eq!(connections.load(Ordering::SeqCst), 2, "each tenant has its own connection");
        let mut attack = JoinSet::new();
        for _ in 0..hanging {
            let (client, url) = (client.clone(), url.clone());
            attack.spawn(async move { post(&client, "slow", &url, "hang").await });
        }
        // All hanging requests are in progress once the connections that they need are open.
        let needed = 1 + hanging.div_ceil(usize::try_from(streams).unwrap());
        while connections.load(Ordering::SeqCst) < needed {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        for tenant in ["quick", "slow", "quick", "slow"] {
            let served = tokio::time::timeout(Duration::from_secs(20), post(&client, tenant, &url, "")).await;
            assert_eq!(served, Ok(Outcome::Status(200)), "{tenant}");
        }
    }
}

#[tokio::test]
async fn tenants_share_connections_if_the_option_is_set() {
    let certified = Certified::new();
    let (url, connections) = host(&certified, 100).await;
    let client = client(options_with_long_timeout(&certified).share_connections());
    for tenant in ["one", "another", "third"] {
        assert_eq!(post(&client, tenant, &url, "").await, Outcome::Status(200));
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_connection_that_is_never_idle_is_replaced_after_its_lifetime() {
    let certified = Certified::new();
    let (secure, secure_connections) = host(&certified, 100).await;
    let (plain, plain_connections) = serve(|_, mut stream| async move {
        while super::read_request(&mut stream).await {
            super::respond_ok(&mut stream).await;
        }
    })
    .await;
    let client = client(options_with_long_timeout(&certified).connection_lifetime(Duration::from_millis(300)));
    for (url, body, connections) in
        [(secure, "", secure_connections), (format!("http://{plain}/"), "{}", plain_connections)]
    {
        while connections.load(Ordering::SeqCst) < 4 {
            assert_eq!(post(&client, "one", &url, body).await, Outcome::Status(200));
        }
    }
}
