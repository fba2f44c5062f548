//! Opens a page in the reader's browser.

use std::io;
use std::process::{Command, Stdio};

/// Asks the desktop to show `url`, and does not wait for it.
///
/// # Errors
/// The desktop's own command could not be started, as on a machine without a desktop.
pub fn open(url: &str) -> io::Result<()> {
    let mut command = if cfg!(target_os = "macos") {
        Command::new("open")
    } else if cfg!(windows) {
        let mut shell = Command::new("cmd");
        // `start` takes its first quoted argument for a window's title.
        shell.args(["/C", "start", ""]);
        shell
    } else {
        Command::new("xdg-open")
    };
    command
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(drop)
}
