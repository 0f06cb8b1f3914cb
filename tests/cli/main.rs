//! The command-line tool, run as a user runs it.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use hookwire::endpoint::NewEndpoint;
use hookwire::event::NewEvent;
use hookwire::manage::Manage;
use hookwire::sender::{Scope, Sender};
use hookwire::store::SqliteStore;
use serde_json::{Value, json};

const SECRET: &str = "It's a Secret to Everybody";
const SIGNATURE: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
const STANDARD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn hookwire(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookwire"));
    command.args(arguments).env_remove("HOOKWIRE_SECRET").env_remove("HOOKWIRE_API").stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str]) -> Output {
    hookwire(arguments).stdin(Stdio::null()).output().unwrap()
}

fn run_with(arguments: &[&str], input: &str) -> Output {
    let mut child = hookwire(arguments).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The documents on standard output.
fn documents(output: &Output) -> Vec<Value> {
    out(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The example of GitHub's documentation in four forms, each with this body.
fn captured(body: &str) -> [(&'static str, String); 4] {
    let raw = format!("POST /h HTTP/1.1\r\nHost: a.example\r\nX-Hub-Signature-256: {SIGNATURE}\r\n\r\n{body}");
    let curl = format!("curl https://a.example/h \\\n -H 'x-hub-signature-256: {SIGNATURE}' --data-raw '{body}'");
    let line = json!({ "method": "POST", "url": "/h", "headers": { "x-hub-signature-256": SIGNATURE }, "body": body });
    let headers = json!([{ "name": "X-Hub-Signature-256", "value": SIGNATURE }]);
    let har = json!({ "log": { "entries": [{ "request": {
        "method": "POST", "url": "https://a.example/h", "headers": headers, "postData": { "text": body } } }] } });
    [("raw", raw), ("curl", curl), ("JSON line", line.to_string()), ("HAR", har.to_string())]
}

#[test]
fn a_captured_request_is_verified_in_every_form_and_its_provider_recognised() {
    for (form, text) in captured("Hello, World!") {
        for arguments in [&["verify", "-p", "github", "-s", SECRET][..], &["verify", "-s", SECRET]] {
            let output = run_with(arguments, &text);
            assert!(output.status.success(), "{form}: {} {}", out(&output), err(&output));
            assert!(out(&output).contains("valid github"), "{form}: {}", out(&output));
        }
    }
}

#[test]
fn an_invalid_request_is_explained_and_nothing_secret_is_printed() {
    for (form, text) in captured("Hello, World!\n") {
        let output = run_with(&["verify", "--json", "-s", SECRET], &text);
        assert_eq!(output.status.code(), Some(1), "{form}");
        let document = documents(&output).remove(0);
        assert_eq!(
            (&document["cause"], &document["proved"]),
            (&json!("trailing_newline"), &json!(true)),
            "{form}: {document}"
        );
    }
    let [(_, text), ..] = captured("Hello, World!");
    let output = run_with(&["verify", "-p", "github", "-s", "another secret of some length"], &text);
    assert_eq!(output.status.code(), Some(1));
    let said = out(&output) + &err(&output);
    assert!(said.contains("did not make this signature"), "{said}");
    assert!(!said.contains("another secret of") && !said.contains(SIGNATURE), "{said}");
}

#[test]
fn what_cannot_be_read_fails_with_the_remedy() {
    let [(_, text), ..] = captured("Hello, World!");
    for (arguments, input, remedy) in [
        (&["verify", "-p", "gitbub", "-s", SECRET][..], text.as_str(), "did you mean github?"),
        (&["verify", "-s", SECRET], "", "a HAR file or JSON lines"),
        (&["verify", "-s", SECRET], "hello", "POST /hooks HTTP/1.1"),
        (&["verify", "--set", "url", "-s", SECRET], text.as_str(), "NAME=VALUE"),
        (&["verify", "--at", "noon", "-s", SECRET], text.as_str(), "seconds since 1970"),
        (&["endpoints"], "", "--api URL"),
        (&["endpoints", "--store", "nowhere.db"], "", "no such file"),
        (&["doctor"], "", "--store FILE"),
        (&["send", "acme.example"], "", "url"),
        (&["cancel", "dlv_1", "--state", "failed"], "", "cannot be used with"),
        (&["jobs", "--stop"], "", "NUMBER"),
    ] {
        let output = run_with(arguments, input);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", out(&output));
        assert!(err(&output).contains(remedy), "{arguments:?}: {}", err(&output));
    }
    let output = run_with(&["verify", "-p", "github"], &text);
    assert_eq!(output.status.code(), Some(1));
    assert!(out(&output).contains("--secret"), "{}", out(&output));
}

/// A listener on a free port, and its URL.
fn listen(arguments: &[&str]) -> (Child, String) {
    let mut child = hookwire(&["listen", "--json", "--port", "0"]).args(arguments).spawn().unwrap();
    let mut line = String::new();
    // One byte at a time: the rest of the output belongs to whoever waits for the child.
    let mut reader = BufReader::with_capacity(1, child.stdout.as_mut().unwrap());
    reader.read_line(&mut line).unwrap();
    let document: Value = serde_json::from_str(&line).unwrap();
    (child, document["listening"].as_str().unwrap().to_owned())
}

#[test]
fn what_is_sent_is_listened_to_recorded_and_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("requests.jsonl");
    let record = record.to_str().unwrap();
    let (child, url) = listen(&["-p", "standard", "-s", STANDARD, "--record", record, "--count", "4"]);

    let sent = run(&["send", &url, "-s", STANDARD, "-t", "invoice.paid", "-d", r#"{"a":1}"#, "--json"]);
    assert!(sent.status.success(), "{}", err(&sent));
    assert_eq!(documents(&sent)[0]["state"], "delivered");
    let wrong = run(&["send", &url, "-s", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "--retries", "0", "--json"]);
    assert_eq!(wrong.status.code(), Some(1), "{}", out(&wrong));
    assert_eq!(documents(&wrong)[0]["last"], "status 401");
    // Both requests are sent again; the second is valid now.
    let replayed = run(&["replay", record, "--to", &url, "--re-sign", "-p", "standard", "-s", STANDARD, "--json"]);
    assert!(replayed.status.success(), "{} {}", out(&replayed), err(&replayed));

    let heard = documents(&child.wait_with_output().unwrap());
    let valid: Vec<_> = heard.iter().map(|document| document["valid"].as_bool().unwrap()).collect();
    assert_eq!(valid, [true, false, true, true], "{heard:?}");
    assert_eq!(heard[1]["cause"], "wrong_secret");

    let verified = run(&["verify", "-p", "standard", "-s", STANDARD, record, "--json"]);
    assert_eq!(documents(&verified).len(), 4);
    assert_eq!(verified.status.code(), Some(1), "the second was signed with another secret");
}

#[test]
fn a_listener_forwards_the_request_and_the_answer() {
    let (inner, inner_url) = listen(&["-p", "standard", "-s", STANDARD, "--answer", "202", "--count", "1"]);
    let (outer, outer_url) = listen(&["--forward", &inner_url, "--count", "1"]);
    let sent = run(&["send", &format!("{outer_url}hooks?a=b"), "-s", STANDARD, "--json"]);
    assert_eq!(documents(&sent)[0]["last"], "status 202", "{}", err(&sent));
    let heard = documents(&inner.wait_with_output().unwrap());
    assert_eq!((&heard[0]["valid"], &heard[0]["path"]), (&json!(true), &json!("/hooks")));
    assert_eq!(documents(&outer.wait_with_output().unwrap())[0]["status"], 202);
}

async fn store(file: &Path) -> Sender {
    let sender = Sender::builder(SqliteStore::open(file).await.unwrap()).build().unwrap();
    let endpoint = NewEndpoint::https("https://acme.example/hooks").unwrap().tenant("acme");
    sender.endpoints().create(endpoint).await.unwrap();
    sender.dispatch(NewEvent::json("invoice.paid", &1).unwrap().tenant("acme")).await.unwrap();
    sender
}

/// No worker runs, so the job is never done.
fn a_job_is_counted_started_and_stopped(access: &[&str]) {
    let cancel = ["cancel", "--all", "--json", "--tenant", "acme", "--state", "pending"];
    let counted = run(&[&cancel, access].concat());
    let document = documents(&counted).remove(0);
    assert_eq!((&document["count"], &document["dry_run"]), (&json!(1), &json!(true)), "{}", err(&counted));
    let other = run(&[&["resend", "--all", "--type", "invoice.sent"], access].concat());
    assert!(out(&other).starts_with("0 deliveries match; add --yes"), "{}{}", out(&other), err(&other));
    let wrong = run(&[&["resend", "--all", "--state", "lost"], access].concat());
    assert!(err(&wrong).contains("filter.state"), "{}", err(&wrong));
    let started = run(&[&cancel[..], &["--yes", "--limit", "5"], access].concat());
    let document = documents(&started).remove(0);
    assert_eq!((&document["state"], &document["limit"]), (&json!("running"), &json!(5)), "{}", err(&started));
    let number = document["number"].to_string();
    for stop in [&["--stop"][..], &[]] {
        let refused = run(&[&["jobs", &number, "--tenant", "acme"], stop, access].concat());
        assert_eq!(refused.status.code(), Some(2), "{}", out(&refused));
        assert!(err(&refused).contains("belongs to operators, not to the tenant \"acme\""), "{}", err(&refused));
    }
    let running = run(&[&["jobs", &number, "--json"], access].concat());
    assert_eq!(documents(&running)[0]["state"], "running", "{}", err(&running));
    let stopped = run(&[&["jobs", &number, "--stop"], access].concat());
    assert!(out(&stopped).contains(&format!("job {number} is stopped, changed 0")), "{}", err(&stopped));
    let listed = run(&[&["jobs", "--json"], access].concat());
    assert_eq!(documents(&listed)[0]["number"].to_string(), number, "newest first: {}", err(&listed));
    let of_another = run(&[&["jobs", "--json", "--tenant", "other"], access].concat());
    assert!(of_another.status.success() && documents(&of_another).is_empty(), "{}", err(&of_another));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_and_an_api_show_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let sender = store(&file).await;
    let operator =
        axum::middleware::from_fn(|mut request: axum::extract::Request, next: axum::middleware::Next| async {
            if request.headers().get("authorization").is_some_and(|value| value == "Bearer operator") {
                request.extensions_mut().insert(Scope::operator());
            }
            next.run(request).await
        });
    let app = axum::Router::new().nest("/webhooks", Manage::new(sender).router().layer(operator));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = format!("http://{}/webhooks", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, app).await });
    tokio::task::spawn_blocking(move || {
        let file = file.to_str().unwrap();
        for access in [&["--store", file][..], &["--api", &api, "--token", "operator"]] {
            let endpoints = run(&[&["endpoints", "--json"], access].concat());
            assert_eq!(documents(&endpoints)[0]["tenant"], "acme", "{}", err(&endpoints));
            let tail = run(&[&["tail", "--once", "--json", "--tenant", "acme"], access].concat());
            assert_eq!(documents(&tail)[0]["state"], "pending", "{}", err(&tail));
            let id = documents(&tail)[0]["id"].as_str().unwrap().to_owned();
            let resent = run(&[&["resend", &id], access].concat());
            assert!(err(&resent).contains("pending"), "a pending delivery is not sent again: {}", err(&resent));
            a_job_is_counted_started_and_stopped(access);
        }
        let tail = run(&["tail", "--once", "--json", "--store", file]);
        let id = documents(&tail)[0]["id"].as_str().unwrap().to_owned();
        let refused = run(&["cancel", &id, "--tenant", "other", "--store", file]);
        assert!(
            err(&refused).contains("belongs to the tenant \"acme\", not to the tenant \"other\""),
            "{}",
            err(&refused)
        );
        let cancelled = run(&["cancel", &id, "--tenant", "acme", "--store", file]);
        assert!(out(&cancelled).contains("is cancelled"), "{}", err(&cancelled));
        let stranger = run(&["endpoints", "--api", &api]);
        assert!(stranger.status.code() == Some(2) && err(&stranger).contains("401"), "{}", err(&stranger));
        let healthy = run(&["doctor", "--store", file]);
        assert!(out(&healthy).contains("schema is current"), "{}", out(&healthy));
    })
    .await
    .unwrap();
}

#[test]
fn the_doctor_names_what_is_wrong_with_an_endpoint() {
    let (mut child, url) = listen(&[]);
    let output = run(&["doctor", "--endpoint", &url, "--json"]);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let findings = documents(&output);
    let find = |check: &str| findings.iter().find(|finding| finding["check"] == check).unwrap().clone();
    assert!(find("URL")["finding"].as_str().unwrap().contains("for_development()"), "{findings:?}");
    assert_eq!((&find("TCP")["ok"], &find("clock")["ok"]), (&json!(true), &json!(true)), "{findings:?}");
}

#[test]
fn the_tool_describes_itself() {
    for (arguments, wanted) in [
        (&["providers"][..], "stripe"),
        (&["completions", "bash"], "_hookwire()"),
        (&["completions", "fish"], "complete -c hookwire"),
        (&["man"], ".TH hookwire"),
        (&["--version"], env!("CARGO_PKG_VERSION")),
        (&["help", "verify"], "curl command"),
    ] {
        let output = run(arguments);
        assert!(output.status.success() && out(&output).contains(wanted), "{arguments:?}: {}", out(&output));
    }
}

/// The command lines in the blocks of shell code of the README and the guide.
fn documented() -> Vec<Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let texts = ["README.md", "src/guide/how_to.md"].map(|file| std::fs::read_to_string(root.join(file)).unwrap());
    let lines = texts
        .iter()
        .flat_map(|text| text.lines())
        .filter(|line| line.starts_with("hookwire ") && !line.starts_with("hookwire ="));
    lines.map(|line| words(line.split(" # ").next().unwrap().trim_end())).collect()
}

/// The words of a command, in which single quotes keep spaces.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (at, part) in line.split('\'').enumerate() {
        match at % 2 {
            1 => words.last_mut().unwrap().push_str(part),
            _ => part.chars().for_each(|letter| match letter {
                ' ' => words.push(String::new()),
                letter => words.last_mut().unwrap().push(letter),
            }),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn the_documented_commands_have_the_arguments_of_the_tool() {
    let commands = documented();
    assert!(commands.len() >= 8, "{commands:?}");
    for command in commands {
        let mut arguments: Vec<_> = command.iter().skip(1).map(String::as_str).collect();
        // The arguments before it are read first.
        arguments.push("--help");
        let output = run(&arguments);
        assert!(output.status.success(), "{command:?}: {}", err(&output));
    }
}
