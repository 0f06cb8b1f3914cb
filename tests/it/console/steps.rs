//! The steps of an attempt on the page of a delivery.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::worker::CancellationToken;

use super::site::{Page, Site};
use crate::support::server::{Reply, Server};
use crate::support::until;

/// The page of a delivery after its first attempt at this URL.
async fn after_an_attempt(url: &str) -> Page {
    let site = Site::new();
    let endpoint = NewEndpoint::at(Target::parse(url).unwrap()).tenant("acme");
    site.sender.endpoints().create(endpoint).await.unwrap();
    let event = NewEvent::json("invoice.paid", &1).unwrap().tenant("acme");
    let delivery = site.sender.dispatch(event).await.unwrap().deliveries[0];
    let stop = CancellationToken::new();
    let worker = tokio::spawn(site.sender.worker().run(stop.clone()));
    until(async || !site.sender.history().attempts(delivery).await.unwrap().is_empty()).await;
    stop.cancel();
    worker.await.unwrap().unwrap();
    site.page("acme", &format!("deliveries/{delivery}")).await
}

#[tokio::test]
async fn the_page_of_a_delivery_shows_how_long_each_step_took() {
    let server = Server::start(|_| Reply::status(410).header("x-reason", "closed")).await;
    let page = after_an_attempt(&server.url("/in")).await;
    let legend = page.between("<p class=\"legend\">", "</p>");
    assert!(legend.contains(">connect ") && legend.contains(">first byte "), "{legend}");
    assert!(!legend.contains("DNS") && !legend.contains("TLS"), "the URL has an address, and no TLS: {legend}");
    let bar = page.between("<svg class=\"steps\"", "</svg>");
    assert!(bar.contains("step-connect") && bar.contains("step-first-byte"), "{bar}");
    for shown in [">POST http:", ">HTTP/1.1 410\n", "x-reason: closed"] {
        assert!(page.html.contains(shown), "{shown}: {}", page.html);
    }
}

#[tokio::test]
async fn the_advice_after_a_failure_of_tls_fits_its_cause() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 16]).await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        // Read to the end: closing with unread bytes sends a reset, which may arrive before the response.
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.unwrap();
    });
    let page = after_an_attempt(&format!("https://{address}/in")).await;
    assert!(page.html.contains("The server does not speak TLS at this port. Check the port."), "{}", page.html);
    let legend = page.between("<p class=\"legend\">", "</p>");
    assert!(legend.contains(">TLS ") && !legend.contains("first byte"), "{legend}");
    assert!(page.html.contains("No response was received."));
}
