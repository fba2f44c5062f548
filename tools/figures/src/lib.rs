//! mdBook's one preprocessor.

pub mod chapter;
pub mod declaration;
pub mod directive;
pub mod excerpt;
pub mod html;
pub mod page;
pub mod problem;
pub mod toml_at;
