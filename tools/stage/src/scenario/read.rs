//! From a scenario file's text to what it means.

use std::{collections::BTreeMap, path::Path};

use toml::de::DeTable;
use wire::{call::Status, conversation::Side, skeleton::Step};

use super::{
    Act, BASE, Cap, Deed, Ends, Expect, Host, Link, Program, Scenario, ScenarioError, Stated, Then, Variant,
    pins,
    spanned::{Source, Table, Value},
    usual_within,
};
use crate::reading;

pub(super) fn scenario(name: &str, file: &Path, text: &str) -> Result<Scenario, ScenarioError> {
    let source = Source { file, text };
    let document = DeTable::parse(text).map_err(|error| {
        source.error(
            &error.span().unwrap_or(0..0),
            format!("no TOML: {}", error.message()),
        )
    })?;
    let root = Table::root(source, &document);
    root.only(&[
        "title", "link", "pins", "within", "program", "then", "variant", "mixtures", "expect",
    ])?;
    let title = root.required("title")?.string()?;
    let act = act(&root)?;
    let expect = match root.get("expect") {
        Some(value) => expect(&value, &act, None)?,
        None => return Err(source.error(&(0..0), "a scenario needs a table [expect]: what must be seen")),
    };
    let mixtures = root.get("mixtures").map(|value| value.boolean()).transpose()?;
    let variants = variants(&root, act, expect, mixtures)?;
    Ok(Scenario {
        name: name.into(),
        file: file.to_string_lossy().replace('\\', "/"),
        title,
        variants,
    })
}

fn act(root: &Table<'_>) -> Result<Act, ScenarioError> {
    let link = root.get("link").map(|value| link(&value)).transpose()?.flatten();
    let programs = programs(root, link.is_some())?;
    let within = root.get("within").map(|value| value.parsed()).transpose()?;
    let act = Act {
        pins: root
            .get("pins")
            .map(|value| pinned(&value))
            .transpose()?
            .unwrap_or_default(),
        within: within.unwrap_or_else(usual_within),
        then: thens(root, &programs, link.is_some())?,
        link,
        programs,
    };
    Ok(act)
}

/// `"loopback"`, which is none, or what joins two hosts.
fn link(value: &Value<'_>) -> Result<Option<Link>, ScenarioError> {
    if value.is_string() {
        return value.one_of(&[("loopback", ())]).map(|()| None);
    }
    let table = value.table("link")?;
    table.only(&["hosts", "delay", "gap", "drop", "late", "twice"])?;
    let hosts = table.required("hosts")?;
    if hosts.integer()? != 2 {
        return Err(hosts.error("a link joins 2 hosts"));
    }
    let mut link = Link::default();
    if let Some(value) = table.get("delay") {
        link.delay = value.parsed()?;
    }
    if let Some(value) = table.get("gap") {
        link.gap = value.parsed()?;
    }
    if let Some(value) = table.get("drop") {
        link.drop = value.all_parsed()?;
    }
    if let Some(value) = table.get("twice") {
        link.twice = value.all_parsed()?;
    }
    if let Some(value) = table.get("late") {
        for (key, span, value) in value.table("`late`")?.entries() {
            let nth = key
                .value
                .parse()
                .map_err(|error: super::NoNth| value.source.error(&span, error.to_string()))?;
            if link.drop.contains(&nth) {
                return Err(value
                    .source
                    .error(&span, format!("{nth} is dropped, so it cannot be late")));
            }
            link.late.insert(nth, value.parsed()?);
        }
    }
    match link.twice.iter().find(|nth| link.drop.contains(nth)) {
        Some(nth) => Err(value.error(format!("{nth} is dropped, so it cannot arrive twice"))),
        None => Ok(Some(link)),
    }
}

fn pinned(value: &Value<'_>) -> Result<BTreeMap<String, String>, ScenarioError> {
    let table = value.table("pins")?;
    let names: Vec<&str> = pins::PINS.iter().map(|(name, _)| *name).collect();
    table.only(&names)?;
    table
        .entries()
        .map(|(key, _, value)| {
            let text = if value.is_integer() {
                value.integer()?.to_string()
            } else {
                value.string()?
            };
            Ok((key.value, text))
        })
        .collect()
}

fn programs(root: &Table<'_>, hosts: bool) -> Result<Vec<Program>, ScenarioError> {
    let list = root.required("program")?;
    let mut programs: Vec<Program> = Vec::new();
    for value in list.list()? {
        let table = value.table("[[program]]")?;
        table.only(&[
            "name", "run", "ready", "count", "ends", "host", "caps", "untapped", "busy",
        ])?;
        let name = table.required("name")?;
        let program = Program {
            name: program_name(&name)?,
            run: run(&table.required("run")?)?,
            ready: table.get("ready").map(|value| words(&value)).transpose()?,
            count: table.get("count").map_or(Ok(1), |value| count(&value))?,
            ends: table
                .get("ends")
                .map(|value| value.one_of(&[("itself", Ends::Itself), ("asked", Ends::Asked)]))
                .transpose()?,
            host: table.get("host").map(|value| host(&value, hosts)).transpose()?,
            caps: table.get("caps").map_or(Ok(Vec::new()), |value| caps(&value))?,
            untapped: table.get("untapped").map(|value| words(&value)).transpose()?,
            busy: table.get("busy").map_or(Ok(false), |value| value.boolean())?,
        };
        let names = program.instances();
        let taken = |other: &Program| {
            other.name == program.name || other.instances().iter().any(|name| names.contains(name))
        };
        if programs.iter().any(taken) {
            return Err(name.error(format!(
                "two programs are called `{}`; give each its own name, or one of them a `count`",
                program.name
            )));
        }
        programs.push(program);
    }
    if programs.iter().all(Program::is_asked_to_end) {
        return Err(list.error(
            "every program is asked to end, so none ends by itself and the performance would not end; \
             a client has no `ready`, or `ends = \"itself\"`",
        ));
    }
    Ok(programs)
}

fn count(value: &Value<'_>) -> Result<u32, ScenarioError> {
    let count = value.integer()?;
    u32::try_from(count)
        .ok()
        .filter(|count| (1..=1000).contains(count))
        .ok_or_else(|| value.error(format!("`count` is {count}; from 1 to 1000 can be started")))
}

fn host(value: &Value<'_>, hosts: bool) -> Result<Host, ScenarioError> {
    if !hosts {
        return Err(value.error("there is one host, the loopback's; `host` needs a link with hosts = 2"));
    }
    value.one_of(&[("client", Host::Client), ("server", Host::Server)])
}

fn caps(value: &Value<'_>) -> Result<Vec<Cap>, ScenarioError> {
    let choices = [("net_raw", Cap::NetRaw), ("net_admin", Cap::NetAdmin)];
    value.list()?.iter().map(|value| value.one_of(&choices)).collect()
}

fn thens(root: &Table<'_>, programs: &[Program], link: bool) -> Result<Vec<Then>, ScenarioError> {
    let Some(list) = root.get("then") else {
        return Ok(Vec::new());
    };
    let mut thens = Vec::new();
    for value in list.list()? {
        let table = value.table("[[then]]")?;
        table.only(&["when", "do"])?;
        let when = table.required("when")?;
        reading::check_trigger(&when.string()?).map_err(|message| when.error(message))?;
        let value = table.required("do")?;
        let items = if value.is_list() {
            value.list()?
        } else {
            vec![value.clone()]
        };
        if items.is_empty() {
            return Err(value.error("`do` is empty; say what is done, as in `do = \"ss\"`"));
        }
        let mut deeds = Vec::new();
        for item in items {
            let deed: Deed = item.parsed()?;
            if let Some(name) = deed.program() {
                known_program(name, programs)
                    .map_err(|message| item.error(format!("`{deed}`: {message}")))?;
            }
            if !link && matches!(deed, Deed::Cut | Deed::Mend) {
                return Err(item.error(format!(
                    "`{deed}` needs a link with hosts = 2; loopback is never cut"
                )));
            }
            deeds.push(deed);
        }
        thens.push(Then {
            when: when.string()?,
            deeds,
        });
    }
    Ok(thens)
}

/// Whether programs of this name run: one, or all of several.
fn known_program(name: &str, programs: &[Program]) -> Result<(), String> {
    let known =
        |program: &Program| program.name == name || program.instances().iter().any(|other| other == name);
    if programs.iter().any(known) {
        return Ok(());
    }
    Err(format!(
        "there is no program `{name}`; the programs are {}",
        all_names(programs).join(", ")
    ))
}

/// The names under which programs can be spoken of.
fn all_names(programs: &[Program]) -> Vec<String> {
    let mut names = Vec::new();
    for program in programs {
        names.push(program.name.clone());
        if program.count > 1 {
            names.extend(program.instances());
        }
    }
    names
}

/// Names that stand for something else in a variant's table or in the output.
const RESERVED: &[&str] = &["expect", "ss", "client-ss", "server-ss", "director", "link"];

fn program_name(value: &Value<'_>) -> Result<String, ScenarioError> {
    let name = value.string()?;
    let fine = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if RESERVED.contains(&name.as_str()) {
        Err(value.error(format!(
            "`{name}` is taken by the stage itself; name the program otherwise"
        )))
    } else if fine {
        Ok(name)
    } else {
        Err(value.error(format!(
            "`{name}` is no name for a program: small letters, digits and hyphens, such as `client`"
        )))
    }
}

fn run(value: &Value<'_>) -> Result<Vec<String>, ScenarioError> {
    let run: Vec<Stated<String>> = value.strings()?;
    if run.is_empty() {
        return Err(value.error("`run` is empty; it holds the binary's name and its arguments"));
    }
    for word in &run {
        for rest in word.value.split('{').skip(1) {
            if !rest.starts_with("server}") {
                return Err(value.error(format!("`{}`: the one placeholder is {{server}}", word.value)));
            }
        }
    }
    Ok(run.into_iter().map(|word| word.value).collect())
}

fn words(value: &Value<'_>) -> Result<String, ScenarioError> {
    let words = value.string()?;
    if words.trim().is_empty() {
        return Err(value.error(format!(
            "{} is empty; leave it out, or write what it says",
            value.called
        )));
    }
    Ok(words)
}

fn variants(
    root: &Table<'_>,
    base: Act,
    expected: Expect,
    mixtures: Option<bool>,
) -> Result<Vec<Variant>, ScenarioError> {
    let mut variants = vec![Variant {
        name: BASE.into(),
        act: base.clone(),
        expect: expected.clone(),
    }];
    // Overridden expectations of mixtures, which are variants without a cast of their own.
    let mut later: Vec<(Stated<String>, Expect)> = Vec::new();
    if let Some(value) = root.get("variant") {
        let table = value.table("[variant]")?;
        for (name, span, value) in table.entries() {
            if name.value == BASE {
                return Err(root.source.error(
                    &span,
                    format!("`{BASE}` is the variant the programs above describe; name another"),
                ));
            }
            let table = value.table(format!("[variant.{}]", name.value))?;
            let (act, expect, recast) = variant(&table, &base, &expected)?;
            if recast == 0 {
                later.push((name, expect));
            } else {
                variants.push(Variant {
                    name: name.value,
                    act,
                    expect,
                });
            }
        }
    }
    let mixed = match variants.iter().find(|variant| variant.name == "async") {
        Some(other) if mixtures.unwrap_or(true) => mix(&variants[0], other),
        _ => Vec::new(),
    };
    if mixtures == Some(true) && mixed.is_empty() {
        let value = root.required("mixtures")?;
        return Err(value.error(
            "there is nothing to mix: mixtures are made where [variant.async] replaces both a client and a server",
        ));
    }
    variants.extend(mixed);
    for (name, expect) in later {
        match variants.iter_mut().find(|variant| variant.name == name.value) {
            Some(variant) => variant.expect = expect,
            None => {
                return Err(ScenarioError {
                    file: root.source.file.to_path_buf(),
                    line: name.line,
                    message: format!(
                        "[variant.{}] replaces no program; name one, as in `client = \"echo-async-client\"`",
                        name.value
                    ),
                });
            }
        }
    }
    Ok(variants)
}

/// One `[variant.…]` table: its cast, its expectation, and how many programs it replaced.
fn variant(table: &Table<'_>, base: &Act, expected: &Expect) -> Result<(Act, Expect, usize), ScenarioError> {
    let mut act = base.clone();
    let mut recast = 0;
    let mut choices: Vec<&str> = base
        .programs
        .iter()
        .map(|program| program.name.as_str())
        .collect();
    choices.push("expect");
    table.only(&choices)?;
    for program in &mut act.programs {
        if let Some(value) = table.get(&program.name) {
            program.run[0] = value.string()?;
            recast += 1;
        }
    }
    let expect = match table.get("expect") {
        Some(value) => expect(&value, &act, Some(expected))?,
        None => expected.clone(),
    };
    Ok((act, expect, recast))
}

/// The clients of one with the servers of the other, both ways; nothing where one side is the same in both.
fn mix(one: &Variant, other: &Variant) -> Vec<Variant> {
    let differs = |servers: bool| {
        one.act
            .programs
            .iter()
            .zip(&other.act.programs)
            .any(|(a, b)| a.is_asked_to_end() == servers && a.run != b.run)
    };
    if !differs(true) || !differs(false) {
        return Vec::new();
    }
    [(one, other), (other, one)]
        .map(|(clients, servers)| {
            let mut act = clients.act.clone();
            for (program, server) in act.programs.iter_mut().zip(&servers.act.programs) {
                if program.is_asked_to_end() {
                    program.clone_from(server);
                }
            }
            Variant {
                name: format!("{}-{}", clients.name, servers.name),
                act,
                expect: one.expect.clone(),
            }
        })
        .into()
}

/// `[expect]`, or a variant's, which replaces of the scenario's what it says.
fn expect(value: &Value<'_>, act: &Act, over: Option<&Expect>) -> Result<Expect, ScenarioError> {
    let table = value.table("[expect]")?;
    table.only(&["skeleton", "states", "output", "exit", "seen", "picture"])?;
    let mut expect = over.cloned().unwrap_or_default();
    if let Some(value) = table.get("skeleton") {
        (expect.skeleton, expect.skeleton_of) = skeletons(&value)?;
    } else if over.is_none() {
        return Err(value.error("[expect] needs the key `skeleton`: the least that must be seen on the wire"));
    }
    if let Some(value) = table.get("states") {
        let states = value.table("`states`")?;
        states.only(&["client", "server"])?;
        for (name, side) in [("client", Side::Client), ("server", Side::Server)] {
            if let Some(value) = states.get(name) {
                let line = value.line();
                let value = value.parsed()?;
                expect.states.insert(side, Stated { value, line });
            }
        }
    }
    if let Some(value) = table.get("output") {
        let mut names = all_names(&act.programs);
        if act.then.iter().any(|then| then.deeds.contains(&Deed::Ss)) {
            let hosts: &[&str] = if act.link.is_some() {
                &["client-ss", "server-ss"]
            } else {
                &["ss"]
            };
            names.extend(hosts.iter().map(|name| (*name).to_string()));
        }
        for (name, value) in by_program(&value, &names)? {
            expect.output.insert(name, value.strings()?);
        }
    }
    if let Some(value) = table.get("exit") {
        for (name, value) in by_program(&value, &all_names(&act.programs))? {
            expect.exit.insert(name, exit(&value)?);
        }
    }
    if let Some(value) = table.get("seen") {
        expect.seen = facts(&value)?;
    }
    if let Some(value) = table.get("picture") {
        expect.picture = facts(&value)?;
    }
    Ok(expect)
}

fn facts(value: &Value<'_>) -> Result<Vec<Stated<String>>, ScenarioError> {
    let facts = value.list()?;
    for fact in &facts {
        reading::check_fact(&fact.string()?).map_err(|message| fact.error(message))?;
    }
    facts.iter().map(Value::stated).collect()
}

/// A table whose keys name programs.
fn by_program<'a>(
    value: &Value<'a>,
    choices: &[String],
) -> Result<BTreeMap<String, Value<'a>>, ScenarioError> {
    let table = value.table(value.called.clone())?;
    let mut found = BTreeMap::new();
    for (name, span, value) in table.entries() {
        if !choices.contains(&name.value) {
            let message = format!(
                "{} speaks of `{}`; the programs are {}",
                table.called,
                name.value,
                choices.join(", ")
            );
            return Err(table.source.error(&span, message));
        }
        found.insert(name.value, value);
    }
    Ok(found)
}

/// Skeletons any of which may be seen.
type Allowed = Vec<Stated<Vec<Step>>>;

/// What every connection shows, or what single connections do.
fn skeletons(value: &Value<'_>) -> Result<(Allowed, BTreeMap<usize, Allowed>), ScenarioError> {
    if !value.is_table() {
        return Ok((allowed(value)?, BTreeMap::new()));
    }
    let mut single = BTreeMap::new();
    for (key, span, list) in value.table("`skeleton`")?.entries() {
        let number = key
            .value
            .strip_prefix("connection ")
            .and_then(|number| number.parse().ok());
        let Some(number @ 1..) = number else {
            let message = format!(
                "`{}` names no connection; write `connection 1`, `connection 2` …",
                key.value
            );
            return Err(value.source.error(&span, message));
        };
        single.insert(number, allowed(&list)?);
    }
    Ok((Vec::new(), single))
}

/// One skeleton, or a list of them.
fn allowed(value: &Value<'_>) -> Result<Allowed, ScenarioError> {
    let items = value.list()?;
    let lists = match items.first() {
        Some(first) if first.is_list() => items,
        _ => vec![value.clone()],
    };
    lists
        .iter()
        .map(|list| {
            Ok(Stated {
                value: list.all_parsed()?,
                line: list.line(),
            })
        })
        .collect()
}

fn exit(value: &Value<'_>) -> Result<Stated<Status>, ScenarioError> {
    let status = if value.is_integer() {
        let code = value.integer()?;
        let code = u8::try_from(code)
            .map_err(|_| value.error(format!("{code} is no exit code; they go from 0 to 255")))?;
        Status::Exited(code.into())
    } else if value.is_string() {
        let name = value.string()?;
        if !SIGNALS.contains(&name.as_str()) {
            return Err(value.error(format!(
                "`{name}` is no signal; the choices are {}",
                SIGNALS.join(", ")
            )));
        }
        Status::Signaled(name)
    } else {
        return Err(
            value.error("an exit is a code such as 0, or the signal that ended the program, \"SIGKILL\"")
        );
    };
    Ok(Stated {
        value: status,
        line: value.line(),
    })
}

/// The signals by which a program of a scenario may end.
const SIGNALS: &[&str] = &[
    "SIGABRT", "SIGALRM", "SIGHUP", "SIGINT", "SIGKILL", "SIGPIPE", "SIGSEGV", "SIGTERM", "SIGUSR1",
    "SIGUSR2",
];
