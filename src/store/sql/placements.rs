//! The former places of a tenant as JSON.

use crate::store::Placement;

/// The [former](Placement::former) places as JSON.
///
/// ```
/// use hookwire::clock::Timestamp;
/// use hookwire::store::Placement;
/// use hookwire::store::sql::{former_column, restore_former};
///
/// let mut placement = Placement::new("eu-2");
/// placement.former.push(("eu-1".into(), Timestamp::from_secs(1)));
/// assert_eq!(former_column(&placement), r#"[["eu-1",1000000]]"#);
/// assert_eq!(restore_former(&former_column(&placement))?, placement.former);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[must_use]
pub fn former_column(placement: &Placement) -> String {
    let former = placement.former.iter().map(|(name, at)| serde_json::json!([&**name, at.as_micros()]));
    serde_json::Value::from_iter(former).to_string()
}

/// The former places of such a column.
///
/// # Errors
/// Returns the error of the JSON parser.
pub fn restore_former(column: &str) -> serde_json::Result<Vec<(std::sync::Arc<str>, crate::clock::Timestamp)>> {
    let former: Vec<(String, crate::clock::Timestamp)> = serde_json::from_str(column)?;
    Ok(former.into_iter().map(|(name, at)| (name.into(), at)).collect())
}
