//! Every page shows the input of strangers as text.

use http::StatusCode;

use hookwire::endpoint::{Labels, NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::id::Work;
use hookwire::sender::Scope;
use hookwire::store::DeliveryQuery;
use hookwire::testing::endpoint::{Behaviour, ScriptedEndpoint};

use super::super::support::until;
use super::site::{Page, ROOT, Site};

const MARKUP: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
const BIDI: &str = "abc\u{202e}fdp.exe\u{2066}\u{200b}";

/// Markup of a stranger, or a character that cannot be seen.
fn check(page: &Page) {
    for raw in ["<script>", "<img", "onerror=alert(1)>", "\u{202e}", "\u{2066}", "\u{200b}", "\u{1b}", "\0"] {
        assert!(!page.html.contains(raw), "{} contains {raw:?}", page.path);
    }
}

#[tokio::test]
async fn markup_and_hidden_characters_of_strangers_are_shown_as_text() {
    let site = Site::new();
    let tenant = format!("{MARKUP}{BIDI}");
    let body = format!("HTTP/1.1 500 x\r\ncontent-length: {}\r\n\r\n", MARKUP.len() + BIDI.len()) + MARKUP + BIDI;
    let server = ScriptedEndpoint::start(vec![Behaviour::answer(body.clone()); 3]).await.unwrap();
    let labels = Labels::new().with(MARKUP, BIDI).unwrap();
    let new = NewEndpoint::at(Target::parse(&server.url("/%3Cscript%3E")).unwrap()).tenant(&*tenant).labels(labels);
    let endpoint = site.sender.endpoints().create(new).await.unwrap();
    let payload = serde_json::json!({ MARKUP: BIDI, "control": "\u{1b}[31m\0" });
    let event = NewEvent::json("invoice.paid", &payload).unwrap().tenant(&*tenant).ordered_by(MARKUP).unwrap();
    let raw = NewEvent::raw("invoice.raw", "text/html", format!("{MARKUP}\0\u{1b}{BIDI}")).unwrap().tenant(&*tenant);
    let delivery = site.sender.dispatch(event).await.unwrap().deliveries[0];
    let raw = site.sender.dispatch(raw).await.unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = tokio::spawn(site.sender.worker().run_until(stopped));
    until(async || !site.sender.history().attempts(delivery).await.unwrap().is_empty()).await;
    drop(stop);
    worker.await.unwrap().unwrap();

    let query = form_urlencoded::Serializer::new(String::new()).append_pair("tenant", &tenant).finish();
    let scoped = site.sender.scoped(Scope::tenant(&*tenant).named(MARKUP));
    let job = scoped.cancel_all(DeliveryQuery::of(Work::Sent)).start().await.unwrap();
    let mut pages = Vec::new();
    for path in [
        "overview".into(),
        "endpoints".into(),
        format!("endpoints?{query}"),
        format!("endpoints/{}", endpoint.id),
        format!("endpoints/{}/replay", endpoint.id),
        "deliveries".into(),
        format!("deliveries?{query}&from={}", "1"),
        format!("deliveries/{delivery}"),
        "jobs".into(),
        format!("jobs/{job}"),
        format!("jobs/new?what=cancel&state=held&{query}"),
        format!("deliveries/{}", raw.deliveries[0]),
        format!("events?{query}"),
        format!("events/{}?{query}", raw.event),
        format!("types?type=invoice.paid&{query}"),
        format!("types?type={MARKUP}").replace(['<', '>', ' ', '"'], "%3C"),
        format!("endpoints/new?url={query}"),
    ] {
        pages.push(site.page("*", &path).await);
    }
    pages.iter().for_each(check);
    let text = pages.iter().map(|page| &*page.html).collect::<String>();
    for shown in ["&lt;script&gt;alert(1)", "⟨U+202E⟩", "⟨U+2066⟩", "⟨U+200B⟩", "⟨U+001B⟩"] {
        assert!(text.contains(shown), "no page shows {shown}");
    }
    let form = site.page("*", "endpoints/new").await.form("");
    let set = [("tenant", &*tenant), ("url", MARKUP), ("events", MARKUP)];
    check(&site.submit("*", &form, &set).await);
}

#[tokio::test]
async fn a_payload_of_a_million_bytes_or_of_deep_nesting_is_cut_or_shown_in_bounds() {
    let site = Site::new();
    site.sender
        .endpoints()
        .create(NewEndpoint::at(Target::parse("http://127.0.0.1:9000/").unwrap()).tenant("acme"))
        .await
        .unwrap();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for payload in ["x".repeat(1_000_000), format!("\"{}\"", "é".repeat(400_000)), deep] {
        let event = NewEvent::raw("a.b", "application/json", payload).unwrap().tenant("acme");
        let receipt = site.sender.dispatch(event).await.unwrap();
        for path in [format!("events/{}", receipt.event), format!("deliveries/{}", receipt.deliveries[0])] {
            let page = site.page("acme", &path).await;
            assert_eq!(page.status, StatusCode::OK);
            assert!(page.html.len() < 1_100_000, "{} bytes", page.html.len());
        }
    }
}

#[tokio::test]
async fn every_response_carries_the_policy_also_errors() {
    let site = Site::new();
    let policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
                  form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    let style = site.page("acme", "overview").await.between("<link rel=\"stylesheet\" href=\"./", "\"");
    let long = "x".repeat(1_100_000);
    let answers = [
        (site.page("acme", "overview").await, StatusCode::OK),
        (site.page("acme", &style).await, StatusCode::OK),
        (site.page("acme", "assets/other.css").await, StatusCode::NOT_FOUND),
        (site.page("acme", "nothing").await, StatusCode::NOT_FOUND),
        (site.page("", "overview").await, StatusCode::UNAUTHORIZED),
        (site.page("acme", "endpoints/new/disable").await, StatusCode::METHOD_NOT_ALLOWED),
        (site.page("acme", "deliveries?after=x").await, StatusCode::UNPROCESSABLE_ENTITY),
        (site.post("acme", "endpoints/new", &[("url", &long)]).await, StatusCode::PAYLOAD_TOO_LARGE),
        (site.post_with("acme", &format!("{ROOT}endpoints/new"), &[], &[]).await, StatusCode::FORBIDDEN),
    ];
    for (page, status) in answers {
        assert_eq!(page.status, status, "{}", page.path);
        assert_eq!(page.headers["content-security-policy"], policy, "{}", page.path);
        assert_eq!(page.headers["x-content-type-options"], "nosniff");
        assert_eq!(page.headers["cache-control"] == "no-store", !page.path.ends_with(&style), "{}", page.path);
        assert!(!page.html.contains(" style=") && !page.html.contains(" onclick="), "{}", page.path);
    }
}

#[tokio::test]
async fn a_host_decides_what_is_shown_of_a_payload() {
    let site = Site::of(|console| {
        console.redact(|event| event.event_type.as_str().starts_with("card.").then(|| "card data is hidden".into()))
    });
    let target = Target::parse("http://127.0.0.1:9000/").unwrap();
    site.sender.endpoints().create(NewEndpoint::at(target).tenant("acme")).await.unwrap();
    for (kind, is_hidden) in [("card.charged", true), ("invoice.paid", false)] {
        let event = NewEvent::json(kind, &"4242-secret").unwrap().tenant("acme");
        let receipt = site.sender.dispatch(event).await.unwrap();
        for path in [format!("events/{}", receipt.event), format!("deliveries/{}", receipt.deliveries[0])] {
            let page = site.page("acme", &path).await;
            assert_eq!(page.html.contains("4242-secret"), !is_hidden, "{path}");
            assert_eq!(page.html.contains("card data is hidden"), is_hidden, "{path}");
        }
    }
}
