//! The console, mounted as in an application, and a simple browser for links and forms, without a socket between them.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use tower::ServiceExt as _;

use hookwire::console::Console;
use hookwire::retry::Policy;
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::{Scope, Sender};
use hookwire::store::{MemoryStore, Store};

/// Where the console is mounted.
pub const ROOT: &str = "/app/webhooks/";

/// Who asks: `acme` a tenant, `*` an operator, `acme:read-only` a tenant that may only read, an empty name nobody.
pub type Who = &'static str;

/// The host's authentication: it believes a header.
async fn authenticate(mut request: Request, next: Next) -> Response {
    let who = request.headers().get("x-who").map(|who| who.to_str().unwrap().to_owned()).unwrap_or_default();
    let (name, mode) = who.split_once(':').unwrap_or((&who, ""));
    let scope = if name == "*" { Scope::operator() } else { Scope::tenant(name) };
    if !name.is_empty() {
        request.extensions_mut().insert(if mode == "read-only" { scope.read_only() } else { scope });
    }
    next.run(request).await
}

pub struct Site {
    pub sender: Sender,
    pub store: MemoryStore,
    app: axum::Router,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its absolute path, with the query.
    pub path: String,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub html: String,
}

/// A form of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    pub method: String,
    pub path: String,
    /// Names and values that the page has filled in.
    pub fields: Vec<(String, String)>,
}

impl Site {
    pub fn new() -> Self {
        Self::of(|console| console)
    }

    pub fn of(set: impl FnOnce(Console) -> Console) -> Self {
        Self::over(MemoryStore::new(), set)
    }

    pub fn over(store: MemoryStore, set: impl FnOnce(Console) -> Console) -> Self {
        Self::behind(store.clone(), store, set)
    }

    /// The sender uses a wrapper of the store.
    pub fn behind(store: MemoryStore, wrapper: impl Store, set: impl FnOnce(Console) -> Console) -> Self {
        let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
        let strict = Policy::default().permanent([400]);
        let builder = Sender::builder(wrapper).egress(egress).retry_named("strict", strict);
        let sender = builder.build().unwrap();
        let routes = set(Console::new(sender.clone())).router().layer(middleware::from_fn(authenticate));
        Self { sender, store, app: axum::Router::new().nest_service(ROOT.trim_end_matches('/'), routes) }
    }

    async fn send(&self, who: Who, path: &str, request: http::request::Builder, body: Body) -> Page {
        let request = request.uri(path).header("x-who", who).header("host", "app.example");
        let (head, bytes) = self.answer(request.body(body).unwrap()).await;
        let html = String::from_utf8(bytes.to_vec()).unwrap();
        Page { path: path.into(), status: head.status, headers: head.headers, html }
    }

    async fn answer(&self, request: http::Request<Body>) -> (http::response::Parts, bytes::Bytes) {
        let (head, body) = self.app.clone().oneshot(request).await.unwrap().into_parts();
        (head, to_bytes(body, usize::MAX).await.unwrap())
    }

    /// Opens an absolute path that leads to a file.
    pub async fn bytes(&self, who: Who, path: &str) -> (http::response::Parts, bytes::Bytes) {
        let request = http::Request::get(path).header("x-who", who).header("host", "app.example");
        self.answer(request.body(Body::empty()).unwrap()).await
    }

    /// Opens an absolute path.
    pub async fn open(&self, who: Who, path: &str) -> Page {
        self.send(who, path, http::Request::get(path), Body::empty()).await
    }

    /// Opens a path below the console.
    pub async fn page(&self, who: Who, path: &str) -> Page {
        self.open(who, &format!("{ROOT}{path}")).await
    }

    /// Sends fields to an absolute path, with these headers.
    pub async fn post_with(&self, who: Who, path: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Page {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = http::Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.send(who, path, request, Body::from(body)).await
    }

    /// Sends fields to a path below the console, as the browser sends a form of the same origin.
    pub async fn post(&self, who: Who, path: &str, fields: &[(&str, &str)]) -> Page {
        self.post_with(who, &format!("{ROOT}{path}"), &[("sec-fetch-site", "same-origin")], fields).await
    }

    /// Sends a form, with these fields set, and follows a redirect.
    pub async fn submit(&self, who: Who, form: &Form, set: &[(&str, &str)]) -> Page {
        let mut fields: Vec<_> = form.fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        fields.retain(|(name, _)| set.iter().all(|(other, _)| other != name));
        fields.extend(set);
        let answer = self.post_with(who, &form.path, &[("sec-fetch-site", "same-origin")], &fields).await;
        match answer.location() {
            Some(path) => self.open(who, &path).await,
            None => answer,
        }
    }
}

impl Page {
    /// Where a redirect leads.
    pub fn location(&self) -> Option<String> {
        let location = self.headers.get("location")?.to_str().unwrap();
        Some(resolve(&self.path, location))
    }

    /// The absolute paths of its links to pages of the console, each once.
    pub fn links(&self) -> Vec<String> {
        let links = tags(&self.html, "a").filter_map(|tag| attribute(tag, "href"));
        let own = links.filter(|link| !link.starts_with('#') && link != "https://www.standardwebhooks.com/");
        let mut links: Vec<_> = own.map(|link| resolve(&self.path, &link)).collect();
        links.sort();
        links.dedup();
        links
    }

    pub fn forms(&self) -> Vec<Form> {
        let mut forms = Vec::new();
        for part in self.html.split("<form").skip(1) {
            let part = part.split("</form>").next().unwrap();
            let head = part.split('>').next().unwrap();
            let method = attribute(head, "method").unwrap_or_else(|| "get".into());
            let action = attribute(head, "action").unwrap_or_default();
            let path = if action.is_empty() { self.path.clone() } else { resolve(&self.path, &action) };
            let value = |tag| Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default()));
            let filled = tags(part, "input").filter(|tag| {
                let kind = attribute(tag, "type").unwrap_or_default();
                !["checkbox", "radio"].contains(&&*kind) || tag.contains(" checked")
            });
            let fields: Vec<_> = filled.filter_map(value).collect();
            // A button may send the form elsewhere.
            let mut paths: Vec<_> = tags(part, "button").filter_map(|tag| attribute(tag, "formaction")).collect();
            paths.iter_mut().for_each(|path| *path = resolve(&self.path, path));
            if paths.is_empty() {
                paths.push(path);
            }
            forms.extend(paths.into_iter().map(|path| Form { method: method.clone(), path, fields: fields.clone() }));
        }
        forms
    }

    /// The form that goes to this path, or to the same page if the end is empty.
    pub fn form(&self, end: &str) -> Form {
        let fits = |form: &Form| form.method == "post" && form.path.split('?').next().unwrap().ends_with(end);
        self.forms().into_iter().find(fits).unwrap_or_else(|| panic!("no form for {end}: {}", self.html))
    }

    /// The text between two marks.
    pub fn between(&self, begin: &str, end: &str) -> String {
        let rest = self.html.split_once(begin).unwrap_or_else(|| panic!("no {begin}: {}", self.html)).1;
        rest.split(end).next().unwrap().to_owned()
    }
}

fn tags<'a>(html: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let begin = format!("<{name} ");
    html.match_indices(&begin).map(|(at, _)| html[at..].split('>').next().unwrap()).collect::<Vec<_>>().into_iter()
}

/// The value of an attribute, unescaped.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let rest = tag.split_once(&format!(" {name}=\""))?.1;
    let value = rest.split('"').next().unwrap();
    let marks = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    Some(marks.iter().fold(value.to_owned(), |text, (mark, c)| text.replace(mark, c)))
}

/// Resolves a relative reference (RFC 3986 section 5.2) of the kinds that the console writes.
fn resolve(base: &str, reference: &str) -> String {
    assert!(!reference.starts_with('/') && !reference.contains("://"), "{reference} is not relative");
    let base = base.split('?').next().unwrap();
    let (path, query) = reference.split_once('?').map_or((reference, None), |(path, query)| (path, Some(query)));
    if path.is_empty() {
        return format!("{base}{reference}");
    }
    let mut segments: Vec<_> = base.split('/').collect();
    segments.pop();
    let parts: Vec<_> = path.split('/').collect();
    for (place, part) in parts.iter().enumerate() {
        match *part {
            "." | "" if place + 1 < parts.len() => {}
            ".." => drop(segments.pop()),
            "." => segments.push(""),
            part => segments.push(part),
        }
    }
    let path = segments.join("/");
    query.map_or_else(|| path.clone(), |query| format!("{path}?{query}"))
}

#[test]
fn references_are_resolved_as_a_browser_does() {
    let base = "/app/webhooks/endpoints/1?done=saved";
    assert_eq!(resolve(base, "../overview"), "/app/webhooks/overview");
    assert_eq!(resolve(base, "?span=day"), "/app/webhooks/endpoints/1?span=day");
    assert_eq!(resolve(base, "1/test"), "/app/webhooks/endpoints/1/test");
    assert_eq!(resolve("/app/webhooks/deliveries", "./events?a=1"), "/app/webhooks/events?a=1");
}
