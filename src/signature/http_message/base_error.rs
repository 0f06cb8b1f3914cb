//! Why a signature base cannot be made of a message.

/// Maximum number of components that a signature may cover.
pub(super) const MAX_COMPONENTS: usize = 64;

/// Why a signature base cannot be made of a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BaseError {
    /// The message does not have this component.
    #[error("component {0}: is not in the message")]
    Absent(String),
    /// This component, or a parameter of it, is unknown or not allowed here.
    #[error("component {0}: is unknown, or cannot be covered in this way")]
    Unknown(String),
    /// This component is covered twice, or occurs twice in the message.
    #[error("component {0}: occurs twice")]
    Twice(String),
    /// The value of this component cannot be signed: it is not ASCII, has a line break or is not the structured field that the
    /// component requires.
    #[error("component {0}: has a value that cannot be signed")]
    Value(String),
    /// The signature covers more than 64 components.
    #[error("components: are more than {MAX_COMPONENTS}")]
    TooMany,
    /// The signatures of one message cover more than 64 KiB, or more than 16 KiB of structured fields.
    #[error("components: cover more bytes than are read")]
    TooLong,
}
