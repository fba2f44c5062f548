//! The built book in a real browser: read, operated by keyboard, made small, printed without scripts.
//!
//! What needs a browser is shown as ignored where none is installed, and fails instead with `BOOK_REQUIRE_BROWSER=1`.

use std::{env, process::ExitCode, sync::Arc};

use book::chromium::BrowserError;
use book_tests::root;
use libtest_mimic::{Arguments, Completion, Failed, Trial};

#[path = "pages/copy.rs"]
mod copy;
#[path = "pages/figure.rs"]
mod figure;
#[path = "pages/handout.rs"]
mod handout;
#[path = "pages/keyboard.rs"]
mod keyboard;
#[path = "pages/look.rs"]
mod look;
#[path = "pages/network.rs"]
mod network;
#[path = "pages/paper.rs"]
mod paper;
#[path = "pages/stock.rs"]
mod stock;
#[path = "pages/world.rs"]
mod world;

use world::World;

type Check = fn(&World) -> Result<(), Failed>;

const IN_A_BROWSER: &[(&str, Check)] = &[
    (
        "axe finds nothing to mend on any page in light",
        look::axe_in_light,
    ),
    ("axe finds nothing to mend on any page in dark", look::axe_in_dark),
    ("nothing is cut off on a screen 320 pixels wide", look::narrow),
    ("nothing is cut off at 200 percent", look::zoomed),
    ("nothing moves for readers who ask for calm", look::calm),
    ("the highlighter knows every language shown", look::languages),
    (
        "light and dark differ and follow the reader",
        look::follows_the_system,
    ),
    ("without scripts every page can be read", look::without_scripts),
    (
        "on paper the page is light and nothing but answers is folded",
        look::on_paper,
    ),
    (
        "the whole book is printed with an outline, a structure and page numbers",
        paper::whole,
    ),
    (
        "a first page costs at most 200 KB, asks nobody else, and says nothing on the console",
        network::first_visit,
    ),
    ("a second page costs at most 60 KB", network::second_load),
    ("an open page becomes the newer book", network::reloads),
    (
        "the tab key reaches everything that can be operated",
        keyboard::reaches_everything,
    ),
    (
        "the table of contents opens and closes by keyboard",
        keyboard::contents,
    ),
    ("the theme is chosen by keyboard", keyboard::theme),
    ("an answer unfolds by keyboard", keyboard::answer),
    ("the search finds and goes by keyboard", keyboard::search),
    ("a copied excerpt is the source's own lines", copy::excerpts),
    ("no text of a figure lies on another", figure::readable),
    (
        "a figure's step lights its line and opens its header",
        figure::steps,
    ),
    (
        "a figure covers its rows for a guess and uncovers them by keyboard",
        figure::predicts,
    ),
    (
        "handouts and lab sheets fit their pages and can be read from a copier",
        handout::printed,
    ),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = vec![
        Trial::test(
            "the template is mdBook's own with the changes named in stock.rs",
            || {
                Ok(stock::the_template_is_mdbook_s_own_with_the_changes_named_here(
                    root(),
                )?)
            },
        ),
        Trial::test("the highlighter is of the version mdBook carries", || {
            Ok(stock::the_highlighter_is_of_mdbook_s_version(root())?)
        }),
        Trial::test("our styles and scripts are at most 40 KB", || {
            Ok(look::small(root())?)
        }),
        Trial::test("no answer is on a sheet for students", || {
            handout::no_answer_leaks(root())
        }),
    ];
    let world = if arguments.list {
        None
    } else {
        Some(World::start(root()))
    };
    let (world, reason) = match world {
        None => (None, None),
        Some(Ok(world)) => (Some(Arc::new(world)), None),
        Some(Err(world::NoWorld::Browser(error @ BrowserError::Missing))) => (None, Some(error.to_string())),
        Some(Err(error)) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    for (name, check) in IN_A_BROWSER {
        let (world, reason) = (world.clone(), reason.clone());
        trials.push(Trial::ignorable_test(*name, move || match (&world, reason) {
            (Some(world), _) => check(world).map(|()| Completion::Completed),
            (None, reason) => Ok(Completion::ignored_with(reason.unwrap_or_default())),
        }));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    // Here the browser ends.
    drop(world);
    if let Some(reason) = reason {
        eprintln!(
            "{} tests of the pages were not run: {reason}",
            conclusion.num_ignored
        );
        if env::var("BOOK_REQUIRE_BROWSER").as_deref() == Ok("1") && conclusion.num_ignored > 0 {
            eprintln!("BOOK_REQUIRE_BROWSER=1 asks for them, so this is a failure");
            return ExitCode::FAILURE;
        }
    }
    conclusion.exit_code()
}
