//! From a scenario file's text to what it means.

use std::{collections::BTreeMap, path::Path};

use toml::de::DeTable;
use wire::call::Status;

use super::{
    Act, BASE, Expect, Program, Scenario, ScenarioError, Stated, Variant,
    spanned::{Source, Table, Value},
};

pub(super) fn scenario(name: &str, file: &Path, text: &str) -> Result<Scenario, ScenarioError> {
    let source = Source { file, text };
    let document = DeTable::parse(text).map_err(|error| {
        source.error(
            &error.span().unwrap_or(0..0),
            format!("no TOML: {}", error.message()),
        )
    })?;
    let root = Table::root(source, &document);
    root.only(&["title", "program", "variant", "mixtures", "expect"])?;
    let title = root.required("title")?.string()?;
    let act = Act {
        programs: programs(&root)?,
    };
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

fn programs(root: &Table<'_>) -> Result<Vec<Program>, ScenarioError> {
    let list = root.required("program")?;
    let mut programs: Vec<Program> = Vec::new();
    for value in list.list()? {
        let table = value.table("[[program]]")?;
        table.only(&["name", "run", "ready"])?;
        let name = table.required("name")?;
        let program = Program {
            name: program_name(&name)?,
            run: run(&table.required("run")?)?,
            ready: table.get("ready").map(|value| ready(&value)).transpose()?,
        };
        if programs.iter().any(|other| other.name == program.name) {
            return Err(name.error(format!(
                "two programs are called `{}`; give each its own name",
                program.name
            )));
        }
        programs.push(program);
    }
    if !programs.iter().any(|program| !program.is_asked_to_end()) {
        return Err(list.error(
            "every program has a `ready` line, so none ends by itself and the performance would not end; \
             a client has no `ready`",
        ));
    }
    Ok(programs)
}

fn program_name(value: &Value<'_>) -> Result<String, ScenarioError> {
    let name = value.string()?;
    let fine = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if fine && name != "expect" {
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

fn ready(value: &Value<'_>) -> Result<String, ScenarioError> {
    let words = value.string()?;
    if words.trim().is_empty() {
        return Err(
            value.error("`ready` is empty; give the words of the line the program prints when it is ready")
        );
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
    table.only(&["skeleton", "output", "exit"])?;
    let mut expect = over.cloned().unwrap_or_default();
    if let Some(value) = table.get("skeleton") {
        expect.skeleton = skeletons(&value)?;
    } else if over.is_none() {
        return Err(value.error("[expect] needs the key `skeleton`: the least that must be seen on the wire"));
    }
    if let Some(value) = table.get("output") {
        for (name, value) in by_program(&value, act)? {
            expect.output.insert(name, value.strings()?);
        }
    }
    if let Some(value) = table.get("exit") {
        for (name, value) in by_program(&value, act)? {
            expect.exit.insert(name, exit(&value)?);
        }
    }
    Ok(expect)
}

/// A table whose keys name programs.
fn by_program<'a>(value: &Value<'a>, act: &Act) -> Result<BTreeMap<String, Value<'a>>, ScenarioError> {
    let table = value.table(value.called.clone())?;
    let choices: Vec<&str> = act.programs.iter().map(|program| program.name.as_str()).collect();
    let mut found = BTreeMap::new();
    for (name, span, value) in table.entries() {
        if !choices.contains(&name.value.as_str()) {
            return Err(table.source.error(
                &span,
                format!(
                    "{} speaks of `{}`; the programs are {}",
                    table.called,
                    name.value,
                    choices.join(", ")
                ),
            ));
        }
        found.insert(name.value, value);
    }
    Ok(found)
}

/// One skeleton, or a list of them where any may be seen.
fn skeletons(value: &Value<'_>) -> Result<Vec<Stated<Vec<String>>>, ScenarioError> {
    let items = value.list()?;
    let lists = match items.first() {
        Some(first) if first.is_list() => items,
        _ => vec![value.clone()],
    };
    lists
        .iter()
        .map(|list| {
            let steps = list.strings()?;
            Ok(Stated {
                value: steps.into_iter().map(|step| step.value).collect(),
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
