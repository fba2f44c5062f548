//! What a browser may do with a page: its Content-Security-Policy.
//!
//! mdBook writes some scripts into the page itself. Each is allowed by the hash of its text, taken from the page as it
//! was built, so that a script that got onto the page in any other way does not run.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// The policy of a page with these contents: everything from this server, nothing from elsewhere, and no script but the
/// book's own files and those that stand in the page.
///
/// Style attributes are allowed, since mdBook aligns the columns of tables with them; style elements are not.
pub fn of_page(html: &str) -> String {
    let hashes: BTreeSet<String> = inline_scripts(html)
        .map(|script| format!(" 'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(script))))
        .collect();
    let hashes: String = hashes.into_iter().collect();
    format!(
        "default-src 'none'; script-src 'self'{hashes}; style-src 'self'; style-src-attr 'unsafe-inline'; \
         img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-src 'self'; frame-ancestors 'self'; \
         base-uri 'self'; form-action 'none'"
    )
}

/// The policy of what is no page, if somebody opens it as one.
pub const OF_A_FILE: &str = "default-src 'none'; style-src-attr 'unsafe-inline'; frame-ancestors 'self'";

/// The text of every script that stands in the page, to the letter.
fn inline_scripts(html: &str) -> impl Iterator<Item = &str> {
    html.split("<script").skip(1).filter_map(|rest| {
        let (attributes, rest) = rest.split_once('>')?;
        let (script, _) = rest.split_once("</script>")?;
        (!attributes.contains("src=")).then_some(script)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_in_the_page_is_allowed_by_its_hash_and_one_from_a_file_by_its_place() {
        let html = "<script>alert(1)</script><script src=\"a.js\"></script><SCRIPT-like>";
        assert_eq!(inline_scripts(html).collect::<Vec<_>>(), ["alert(1)"]);
        // printf 'alert(1)' | openssl dgst -sha256 -binary | base64
        let policy = of_page(html);
        let allowed = "script-src 'self' 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI=';";
        assert!(policy.contains(allowed), "{policy}");
    }

    #[test]
    fn nothing_comes_from_elsewhere_and_no_script_is_allowed_by_what_it_is() {
        let policy = of_page("");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self';"),
            "{policy}"
        );
        assert!(!policy.contains("http"), "{policy}");
    }
}
