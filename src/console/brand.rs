//! What makes the pages look like a part of the host's application: a name, a logo and a colour.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

/// What the host has set.
#[derive(Clone, Debug)]
pub(super) struct Brand {
    pub(super) name: Arc<str>,
    /// The URL of the logo.
    pub(super) logo: Option<Arc<str>>,
    pub(super) accent: Option<Arc<Accent>>,
}

impl Brand {
    /// The file name of the stylesheet with the colour of the host.
    pub(super) fn style(&self) -> Option<&str> {
        self.accent.as_deref().map(|accent| &*accent.file)
    }
}

/// A colour: red, green and blue.
type Rgb = [u8; 3];

/// The backgrounds on which the colour must be readable, from `console.css`: the backgrounds of cards, because their contrast is lower.
const LIGHT: Rgb = [0xf6, 0xf8, 0xfa];
const DARK: Rgb = [0x16, 0x1b, 0x22];

/// The lowest contrast of text that WCAG 2.2 AA allows.
const CONTRAST: f64 = 4.5;

/// A stylesheet that sets the colour of links and buttons.
#[derive(Debug)]
pub(super) struct Accent {
    pub(super) file: String,
    pub(super) text: String,
}

impl Accent {
    /// The colour is darkened for the light theme, and lightened for the dark one, as far as it must be to be readable.
    pub(super) fn new(colour: Rgb) -> Self {
        let [light, dark] = [readable(colour, [0; 3], LIGHT), readable(colour, [255; 3], DARK)].map(hex::encode);
        let text = format!(
            ":root {{ --accent: #{light}; }}\n@media (prefers-color-scheme: dark) {{ :root {{ --accent: #{dark}; }} }}\n"
        );
        let hash = hex::encode(Sha256::digest(&text).get(..8).unwrap_or_default());
        Self { file: format!("accent-{hash}.css"), text }
    }
}

/// The colour, mixed with `other` until it is readable on this background.
fn readable(colour: Rgb, other: Rgb, background: Rgb) -> Rgb {
    let mixes = (0..=100).map(|percent| mixed(colour, other, percent));
    mixes.into_iter().find(|mix| contrast(*mix, background) >= CONTRAST).unwrap_or(other)
}

fn mixed(one: Rgb, other: Rgb, percent: u32) -> Rgb {
    let mix = |(one, other): (&u8, u8)| (u32::from(*one) * (100 - percent) + u32::from(other) * percent) / 100;
    let mut mixed = one;
    for (part, other) in mixed.iter_mut().zip(other) {
        *part = u8::try_from(mix((part, other))).unwrap_or(u8::MAX);
    }
    mixed
}

/// The contrast of two colours, from 1 to 21, as WCAG defines it.
fn contrast(one: Rgb, other: Rgb) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn luminance(colour: Rgb) -> f64 {
    let linear = |part: u8| {
        let part = f64::from(part) / 255.0;
        if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    };
    let [red, green, blue] = colour.map(linear);
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contrast_is_that_of_wcag() {
        let two_digits = |one, other| format!("{:.2}", contrast(one, other));
        assert_eq!(two_digits([0; 3], [255; 3]), "21.00");
        assert_eq!(two_digits([0x77; 3], [255; 3]), "4.48");
        assert_eq!(two_digits([0x12; 3], [0x12; 3]), "1.00");
    }

    #[test]
    fn every_colour_becomes_readable_in_both_themes() {
        let steps = || (0..=255_u8).step_by(17);
        for red in steps() {
            for green in steps() {
                for blue in steps() {
                    let colour = [red, green, blue];
                    assert!(contrast(readable(colour, [0; 3], LIGHT), LIGHT) >= CONTRAST, "{colour:?}");
                    assert!(contrast(readable(colour, [255; 3], DARK), DARK) >= CONTRAST, "{colour:?}");
                }
            }
        }
    }

    #[test]
    fn a_readable_colour_stays_as_it_is() {
        assert!(Accent::new([0x0a, 0x5c, 0x36]).text.starts_with(":root { --accent: #0a5c36; }"));
    }

    /// Text on a button has the colour of the page, which has the higher contrast.
    #[test]
    fn the_backgrounds_are_those_of_the_stylesheet() {
        let style = include_str!("assets/console.css");
        for colour in [LIGHT, DARK] {
            assert!(style.contains(&format!("--card: #{}", hex::encode(colour))));
        }
    }
}
