//! Every server of the listings is what it claims to be: one test for each server and case.
//!
//! A server says what it claims in its crate's `[package.metadata.book.server.NAME]`; the cases are those of the crate
//! `contract`. A case that a server claims to fail is marked `[must fail]` and passes here when the server fails it.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use book_tests::root;
use contract::{Arena, Asked, Claims, Declared, JOBS, ServerCommand, Suite, Verdict, declared};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use serde::Deserialize;
use stage::{
    go,
    programs::{Programs, ProgramsError},
};

/// The cases that were asked with fewer clients than a claim speaks of, a line each.
static SMALLER: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(JOBS));
    let listings = match listings() {
        Ok(listings) => listings,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let trials = listings.into_iter().flat_map(trials).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    for line in &*SMALLER.lock().unwrap_or_else(PoisonError::into_inner) {
        eprintln!("{line}");
    }
    if conclusion.num_ignored > 0 {
        eprintln!(
            "{} cases could not be asked here, each says why",
            conclusion.num_ignored
        );
        if env::var("BOOK_REQUIRE_LIVE").as_deref() == Ok("1") {
            eprintln!("BOOK_REQUIRE_LIVE=1 asks for them, so this is a failure");
            return ExitCode::FAILURE;
        }
    }
    conclusion.exit_code()
}

/// All tests of one listing: each of its servers with each of its cases, or one that says what is wrong with its
/// declarations.
fn trials(listing: Listing) -> Vec<Trial> {
    let file = listing.manifest.strip_prefix(root()).unwrap_or(&listing.manifest);
    match declared(file, &listing.metadata, &listing.binaries) {
        Ok(servers) => servers
            .into_iter()
            .flat_map(|server| cases(file, server))
            .collect(),
        Err(errors) => {
            let list: Vec<String> = errors.iter().map(ToString::to_string).collect();
            let name = format!("{} declares its servers", file.display());
            vec![Trial::test(name, move || Err(list.join("\n").into()))]
        }
    }
}

fn cases(file: &Path, server: Declared) -> Vec<Trial> {
    let Declared { name, claims } = server;
    let suite = match Suite::of(&claims) {
        Ok(suite) => suite,
        // The declaration was checked by the same suite; this is for whoever changes that.
        Err(error) => {
            let error = format!("{}: {name}: {error}", file.display());
            return vec![Trial::test(name, move || Err(error.into()))];
        }
    };
    let server = Arc::new(Server {
        name,
        claims,
        arena: OnceLock::new(),
    });
    suite
        .cases()
        .iter()
        .map(|&asked| {
            let server = Arc::clone(&server);
            let title = format!("{}/{}", server.name, asked.case.name);
            let trial = Trial::ignorable_test(title, move || hold(&server, &asked));
            if asked.fails {
                trial.with_kind("must fail")
            } else {
                trial
            }
        })
        .collect()
}

/// One server, its arena made when the first of its cases runs: listing the tests builds nothing.
struct Server {
    name: String,
    claims: Claims,
    arena: OnceLock<Result<Arena, String>>,
}

fn hold(server: &Server, asked: &Asked) -> Result<Completion, Failed> {
    if let Err(error @ ProgramsError::NoGo { .. }) =
        Programs::shared(root()).and_then(|programs| programs.path(&server.name))
    {
        return Ok(Completion::ignored_with(error.to_string()));
    }
    let arena = server.arena.get_or_init(|| {
        let program = Programs::shared(root()).and_then(|programs| programs.path(&server.name));
        let program = program.map_err(|error| error.to_string())?;
        Ok(Arena::new(ServerCommand::program(program), server.claims.clone()))
    });
    match asked.hold(arena.as_ref()?).0 {
        Verdict::Kept | Verdict::FailsAsClaimed(_) | Verdict::DoesNotApply(_) => Ok(Completion::Completed),
        Verdict::KeptSmaller(how) => {
            let line = format!("{}/{}: {how}", server.name, asked.case.name);
            SMALLER.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            Ok(Completion::Completed)
        }
        Verdict::NotHere(reason) => Ok(Completion::ignored_with(reason)),
        Verdict::Broken(failure) => Err(format!("{}\n{failure}", asked.case.proves).into()),
        Verdict::PassesAgainstClaim => Err(format!(
            "{} claims to fail this case and passes it: take `{}` out of its `fails`",
            server.name, asked.case.name
        )
        .into()),
    }
}

/// One crate under `listings`. Its manifest is read as it stands, without cargo, so that prebuilt tests run where there
/// is none.
struct Listing {
    manifest: PathBuf,
    metadata: toml::Table,
    /// Those that need no feature: what a reader is meant to mend stands behind one, and claims nothing yet.
    binaries: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Manifest {
    package: Package,
    #[serde(default)]
    bin: Vec<Target>,
}

#[derive(Deserialize)]
struct Package {
    #[serde(default)]
    metadata: toml::Table,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    #[serde(default, rename = "required-features")]
    required_features: Vec<String>,
}

fn listings() -> Result<Vec<Listing>, String> {
    let ours = root().join("listings");
    let mut folders = files(&ours)?;
    folders.sort();
    folders
        .into_iter()
        .map(|folder| folder.join("Cargo.toml"))
        .filter(|manifest| manifest.is_file())
        .map(listing)
        .collect()
}

fn listing(manifest: PathBuf) -> Result<Listing, String> {
    let told = |error: &dyn std::error::Error| format!("{}: {error}", manifest.display());
    let text = fs::read_to_string(&manifest).map_err(|error| told(&error))?;
    let read: Manifest = toml::from_str(&text).map_err(|error| told(&error))?;
    let named = read
        .bin
        .into_iter()
        .filter(|target| target.required_features.is_empty());
    let mut binaries: BTreeSet<String> = named.map(|target| target.name).collect();
    // As cargo finds them: a file or a folder under `src/bin` is a program.
    let found = files(&manifest.with_file_name("src").join("bin")).unwrap_or_default();
    binaries.extend(
        found
            .iter()
            .filter_map(|file| Some(file.file_stem()?.to_str()?.to_owned())),
    );
    let folder = manifest.parent().unwrap_or(&manifest);
    let in_go = go::programs(root()).into_iter();
    binaries.extend(
        in_go
            .filter(|(_, program)| program.starts_with(folder))
            .map(|(name, _)| name),
    );
    Ok(Listing {
        manifest,
        metadata: read.package.metadata,
        binaries,
    })
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let told = |error: std::io::Error| format!("{}: {error}", folder.display());
    let entries = fs::read_dir(folder).map_err(told)?;
    entries.map(|entry| Ok(entry.map_err(told)?.path())).collect()
}
