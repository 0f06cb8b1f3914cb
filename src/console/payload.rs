//! The payload of an event: what a page shows of it, and the file with its exact bytes.

use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;

use super::caller::Caller;
use super::escape::is_hidden;
use super::failure::Failure;
use super::json::laid_out;
use super::link::encoded;
use crate::event::Event;

/// The longest part of a payload that a page shows, in bytes.
const SHOWN_BYTES: usize = 256 * 1024;

/// The payload of an event, as a page shows it.
pub(super) struct Payload {
    /// The payload as it is sent, or the text that the host shows instead.
    pub(super) raw: String,
    /// The payload in a form that is easy to read.
    pub(super) text: String,
    pub(super) note: Option<&'static str>,
    /// The path of the file below the root of the console: the exact bytes, or the text that the host shows instead. `None` if there is
    /// nothing to download.
    pub(super) path: Option<String>,
    /// Whether the file is text, which can be copied.
    pub(super) is_text: bool,
    /// Whether the host shows something else instead.
    pub(super) is_redacted: bool,
}

/// The path of the payload's file.
pub(super) fn payload_path(event: &Event) -> String {
    format!("events/{}/payload?tenant={}", event.id, encoded(event.tenant.as_str()))
}

fn redacted(caller: &Caller, event: &Event) -> Option<String> {
    caller.shared.redact.as_ref().and_then(|redact| redact(event))
}

/// Reads the payload, as far as the host allows.
pub(super) fn payload_of(caller: &Caller, event: &Event, path: String) -> Payload {
    if let Some(text) = redacted(caller, event) {
        let note = Some("The application does not show the whole payload.");
        let path = Some(path).filter(|_| !text.is_empty());
        return Payload { raw: text.clone(), text, note, path, is_text: true, is_redacted: true };
    }
    if event.payload.is_empty() {
        let note = Some("The payload is empty, or was removed after its retention.");
        return Payload {
            raw: String::new(),
            text: String::new(),
            note,
            path: None,
            is_text: true,
            is_redacted: false,
        };
    }
    let path = Some(path);
    let Ok(whole) = std::str::from_utf8(&event.payload) else {
        let end = event.payload.len().min(SHOWN_BYTES);
        let text = BASE64.encode(&event.payload[..end]);
        let note = Some("The payload is not text; this is base64.");
        return Payload { raw: text.clone(), text, note, path, is_text: false, is_redacted: false };
    };
    if whole.len() > SHOWN_BYTES {
        let text = whole.char_indices().take_while(|(at, _)| *at < SHOWN_BYTES).map(|(_, c)| c).collect::<String>();
        return Payload {
            raw: text.clone(),
            text,
            note: Some("Only the beginning is shown."),
            path,
            is_text: true,
            is_redacted: false,
        };
    }
    let note = whole.contains(is_hidden).then_some("Characters that cannot be seen are shown by their code.");
    let text = laid_out(whole).unwrap_or_else(|| whole.into());
    Payload { raw: whole.into(), text, note, path, is_text: true, is_redacted: false }
}

/// The payload as a file: its exact bytes, or the text that the host shows instead. A browser stores it and never shows it as a page.
pub(super) fn download(caller: &Caller, event: &Event) -> Result<Response, Failure> {
    let bytes = redacted(caller, event).map_or_else(|| event.payload.clone(), Bytes::from);
    if bytes.is_empty() {
        return Err(Failure::not_found());
    }
    let (media_type, disposition) = match std::str::from_utf8(&bytes) {
        Ok(_) => ("text/plain; charset=utf-8", "attachment; filename=\"payload.txt\""),
        Err(_) => ("application/octet-stream", "attachment; filename=\"payload.bin\""),
    };
    Ok(([(CONTENT_TYPE, media_type), (CONTENT_DISPOSITION, disposition)], bytes).into_response())
}
