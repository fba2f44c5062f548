//! A workspace made for one scenario.

use std::{collections::BTreeMap, env, fs, path::Path};

use stage::{
    catalogue::Catalogue,
    check::check,
    perform::{PerformError, Performance, perform},
    programs::Programs,
    recording::Recording,
    script::Failure,
};
use tempfile::TempDir;

/// A workspace with one scenario, and this binary for all its programs.
pub struct Workspace {
    /// Lives as long as the workspace does.
    _folder: TempDir,
    catalogue: Catalogue,
}

impl Workspace {
    /// With this scenario file.
    pub fn with(scenario: &str) -> Workspace {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let scenarios = folder.path().join("listings/ch99-fixture/scenarios");
        fs::create_dir_all(&scenarios).expect("a folder for scenarios");
        fs::write(scenarios.join("it.toml"), scenario).expect("a scenario file");
        let catalogue = Catalogue::open(folder.path()).unwrap_or_else(|error| panic!("{error}"));
        Workspace {
            _folder: folder,
            catalogue,
        }
    }

    /// Performs the scenario.
    pub fn perform(&self) -> Result<Performance, PerformError> {
        let entry = self.catalogue.one("fixture/it").expect("the one scenario");
        perform(&self.catalogue, entry, &programs())
    }

    /// Performs the scenario, which must show what it says.
    pub fn show(&self) -> Recording {
        let entry = self.catalogue.one("fixture/it").expect("the one scenario");
        let recording = self.perform().unwrap_or_else(|error| panic!("{error}")).recording;
        let disagreements: String = check(entry, &recording)
            .iter()
            .map(|one| format!("{one}\n"))
            .collect();
        assert!(
            disagreements.is_empty(),
            "{disagreements}{}",
            recording.output.to_text()
        );
        recording
    }

    /// Performs the scenario, which must fail.
    pub fn fail(&self) -> Failure {
        match self.perform() {
            Ok(performance) => panic!("it went well:\n{}", performance.recording.output.to_text()),
            Err(PerformError::Failed { failure, .. }) => *failure,
            Err(other) => panic!("{other}"),
        }
    }
}

/// This binary under the name `fixture`, and the stage. No tap: it is held to its claims elsewhere.
pub fn programs() -> Programs {
    let binaries = BTreeMap::from([
        (
            "fixture".to_string(),
            env::current_exe().expect("a program knows where it is"),
        ),
        ("stage".to_string(), stage()),
        ("tcpdump".to_string(), tcpdump()),
    ]);
    Programs::of(binaries, None)
}

/// The stage, where cargo built it for this test; `BOOK_BIN_DIR` overrides it.
pub fn stage() -> std::path::PathBuf {
    match env::var_os("BOOK_BIN_DIR") {
        Some(folder) => Path::new(&folder).join("stage"),
        None => env!("CARGO_BIN_EXE_stage").into(),
    }
}

/// The real one; only what is measured against it needs it.
fn tcpdump() -> std::path::PathBuf {
    let places = ["/usr/bin/tcpdump", "/usr/sbin/tcpdump", "/sbin/tcpdump"];
    let found = places.iter().map(Path::new).find(|path| path.exists());
    found.unwrap_or_else(|| Path::new("tcpdump")).into()
}
