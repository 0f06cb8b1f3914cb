//! Form-encoded bodies and queries: how many fields are looked at.

use super::error::VerifyError;

/// Most fields of a form or a query. Each costs an allocation and a place in an order, before anything is proved: half a million
/// empty fields in one body would cost a core 60 ms.
const MAX_FIELDS: usize = 4_096;

/// Refuses a form of more fields than any provider sends.
pub(super) fn check_fields(form: &[u8]) -> Result<(), VerifyError> {
    let more = form.iter().filter(|byte| **byte == b'&').count();
    if more < MAX_FIELDS { Ok(()) } else { Err(VerifyError::Malformed("form")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_of_more_fields_than_anybody_sends_is_refused() {
        let fields = |count: usize| vec!["a="; count].join("&");
        assert!(check_fields(fields(MAX_FIELDS).as_bytes()).is_ok());
        assert_eq!(check_fields(fields(MAX_FIELDS + 1).as_bytes()), Err(VerifyError::Malformed("form")));
    }
}
