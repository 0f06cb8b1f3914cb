//! Writes the published vectors as inputs for the targets that read requests: `seeds <vectors> <corpus>`.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hookwire_fuzz::certificates::{apple, sns};
use serde_json::Value;

const FILES: [&str; 5] = ["providers-a.json", "providers-b.json", "providers-c.json", "providers-d.json", "own.json"];
const TARGETS: [&str; 5] = ["cloud_events", "documents", "events", "http_message", "requests"];

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    let [_, vectors, corpus] = arguments.as_slice() else { panic!("seeds <vectors> <corpus>") };
    for file in FILES {
        let text = fs::read_to_string(Path::new(vectors).join(file)).unwrap();
        let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
        for (number, seed) in cases.iter().map(seed).enumerate() {
            for target in TARGETS {
                let folder = Path::new(corpus).join(target);
                fs::create_dir_all(&folder).unwrap();
                fs::write(folder.join(format!("{file}-{number}")), &seed).unwrap();
            }
        }
    }
    write_certificates(&Path::new(corpus).join("certificates"));
}

/// Writes the valid certificates, each after the byte of its position.
fn write_certificates(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let all = apple().chain.into_iter().chain([sns().leaf]);
    for (place, der) in (0u8..).zip(all) {
        fs::write(folder.join(format!("good-{place}")), [&[place], der.as_slice()].concat()).unwrap();
    }
}

fn seed(case: &Value) -> Vec<u8> {
    let text = |name: &str| case[name].as_str().unwrap_or_default();
    let provider = if text("provider") == "standard-webhooks" { "standard" } else { text("provider") };
    let now = case["now_unix"].as_i64().unwrap_or(1_700_000_000);
    let mut seed = format!("{provider} {now}\n{} {}\n", text("method"), text("url"));
    for (name, value) in case["headers"].as_object().unwrap() {
        seed += &format!("{name}: {}\n", value.as_str().unwrap());
    }
    seed.push('\n');
    let documents = case["params"].as_object().into_iter().flatten();
    let document =
        documents.map(|(_, value)| value).find(|value| value.is_object() || value.to_string().contains("BEGIN"));
    let document =
        document.map(|value| value.as_str().map_or_else(|| value.to_string(), Into::into)).unwrap_or_default();
    [seed.as_bytes(), &BASE64.decode(text("body_base64")).unwrap(), b"\n%%\n", document.as_bytes()].concat()
}
