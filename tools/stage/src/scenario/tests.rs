use std::path::Path;

use super::*;

const ONE_ECHO: &str = r#"
title = "One echo"

[[program]]
name = "server"
run = ["echo-blocking-server", "{server}:8000"]
ready = "listening on"

[[program]]
name = "client"
run = ["echo-blocking-client", "{server}:8000"]

[variant.async]
server = "echo-async-server"
client = "echo-async-client"

[expect]
skeleton = ["client SYN", "server SYN"]
output = { server = ["… came"] }
exit = { client = 0, server = "SIGTERM" }
"#;

fn parse(text: &str) -> Result<Scenario, ScenarioError> {
    Scenario::parse("echo/one-echo", Path::new("scenarios/one-echo.toml"), text)
}

/// The complaint about [`ONE_ECHO`] with something replaced.
fn complaint(from: &str, to: &str) -> String {
    assert!(ONE_ECHO.contains(from), "the scenario has no `{from}`");
    parse(&ONE_ECHO.replacen(from, to, 1)).unwrap_err().to_string()
}

fn cast(scenario: &Scenario, variant: &str) -> Vec<String> {
    let programs = &scenario.variant(variant).unwrap().act.programs;
    programs
        .iter()
        .map(|program| program.binary().to_string())
        .collect()
}

#[test]
fn the_variants_are_blocking_async_and_both_mixtures_client_first() {
    let scenario = parse(ONE_ECHO).unwrap();
    let names: Vec<&str> = scenario
        .variants
        .iter()
        .map(|variant| variant.name.as_str())
        .collect();
    assert_eq!(names, ["blocking", "async", "blocking-async", "async-blocking"]);
    assert_eq!(
        cast(&scenario, "blocking"),
        ["echo-blocking-server", "echo-blocking-client"]
    );
    assert_eq!(
        cast(&scenario, "async"),
        ["echo-async-server", "echo-async-client"]
    );
    assert_eq!(
        cast(&scenario, "blocking-async"),
        ["echo-async-server", "echo-blocking-client"]
    );
    assert_eq!(
        cast(&scenario, "async-blocking"),
        ["echo-blocking-server", "echo-async-client"]
    );
}

#[test]
fn there_are_no_mixtures_where_they_are_declined_or_one_side_is_the_same() {
    let declined = parse(&format!("mixtures = false\n{ONE_ECHO}")).unwrap();
    assert_eq!(declined.variants.len(), 2);
    let same_server = ONE_ECHO.replacen("server = \"echo-async-server\"\n", "", 1);
    assert_eq!(parse(&same_server).unwrap().variants.len(), 2);
    let error = parse(&format!("mixtures = true\n{same_server}")).unwrap_err();
    assert_eq!(error.line, 1);
    assert!(error.message.contains("nothing to mix"), "{error}");
}

#[test]
fn a_variant_may_override_what_is_expected_and_keeps_the_rest() {
    let text = format!("{ONE_ECHO}\n[variant.blocking-async.expect]\nexit = {{ client = 1 }}\n");
    let scenario = parse(&text).unwrap();
    let mixed = scenario.variant("blocking-async").unwrap();
    assert_eq!(mixed.expect.exit["client"].value, Status::Exited(1));
    assert_eq!(
        mixed.expect.exit["server"].value,
        Status::Signaled("SIGTERM".into())
    );
    assert_eq!(mixed.expect.skeleton, scenario.variants[0].expect.skeleton);
    assert_eq!(
        scenario.variants[0].expect.exit["client"].value,
        Status::Exited(0)
    );
}

#[test]
fn a_deliberate_race_lists_every_skeleton_that_may_be_seen() {
    let text = ONE_ECHO.replacen(
        "skeleton = [\"client SYN\", \"server SYN\"]",
        "skeleton = [\n[\"client SYN\"],\n[\"server RST\"]]",
        1,
    );
    let scenario = parse(&text).unwrap();
    let lines: Vec<usize> = scenario.variants[0]
        .expect
        .skeleton
        .iter()
        .map(|one| one.line)
        .collect();
    assert_eq!(lines, [19, 20]);
}

#[test]
fn an_unknown_key_is_told_with_file_line_and_the_choices() {
    assert_eq!(
        complaint("ready =", "reday ="),
        "scenarios/one-echo.toml:7: unknown key `reday`; [[program]] has the keys name, run, ready, count, ends, host, caps, untapped, busy"
    );
    assert!(
        complaint("title =", "titel =")
            .contains(":2: unknown key `titel`; a scenario has the keys title, link, pins, within, program, then, variant, mixtures, expect")
    );
    assert!(complaint("exit =", "exits =").contains(
        ":20: unknown key `exits`; [expect] has the keys skeleton, states, output, exit, seen, picture"
    ));
    assert_eq!(
        complaint("client = \"echo-async-client\"", "clent = \"echo-async-client\""),
        "scenarios/one-echo.toml:15: unknown key `clent`; [variant.async] has the keys server, client, expect"
    );
}

#[test]
fn an_expectation_of_a_program_that_is_not_there_is_told_the_programs() {
    assert_eq!(
        complaint("{ server = [\"… came\"] }", "{ sever = [] }"),
        "scenarios/one-echo.toml:19: `output` speaks of `sever`; the programs are server, client"
    );
}

#[test]
fn a_value_of_the_wrong_kind_is_told_what_belongs_there() {
    assert_eq!(
        complaint("[\"client SYN\", \"server SYN\"]", "7"),
        "scenarios/one-echo.toml:18: `skeleton` is an integer where a list belongs"
    );
    assert!(complaint("client = 0", "client = 300").contains("300 is no exit code"));
    assert!(complaint("\"SIGTERM\"", "\"TERM\"").contains("`TERM` is no signal; the choices are SIGABRT"));
}

#[test]
fn what_contradicts_itself_is_refused() {
    assert!(
        complaint("name = \"client\"", "name = \"server\"").contains(":10: two programs are called `server`")
    );
    assert!(
        complaint("name = \"client\"", "ready = \"x\"\nname = \"client\"")
            .contains(":4: every program is asked to end")
    );
    assert!(complaint("name = \"client\"", "name = \"Client\"").contains(":10: `Client` is no name"));
    assert!(
        complaint("\"{server}:8000\"]\nready", "\"{sever}:8000\"]\nready")
            .contains("the one placeholder is {server}")
    );
    assert!(
        complaint("[variant.async]", "[variant.blocking]")
            .contains("is the variant the programs above describe")
    );
    assert!(complaint("[expect]", "[variant.x.expect]").contains("needs a table [expect]"));
}

#[test]
fn what_is_no_toml_is_told_its_line() {
    assert!(
        complaint("name = \"client\"", "name = client").starts_with("scenarios/one-echo.toml:10: no TOML: ")
    );
}

/// [`ONE_ECHO`] with lines before its first program.
fn with(lines: &str) -> Result<Scenario, ScenarioError> {
    parse(&ONE_ECHO.replacen("\n[[program]]", &format!("\n{lines}\n[[program]]"), 1))
}

fn act(lines: &str) -> Act {
    with(lines).unwrap().variants[0].act.clone()
}

fn complaint_with(lines: &str) -> String {
    with(lines).unwrap_err().message
}

#[test]
fn a_link_joins_two_hosts_and_misbehaves_as_told() {
    let line = r#"link = { hosts = 2, delay = "5ms", gap = "1ms", drop = ["server data 3"], late = { "client ACK 2" = "3ms" } }"#;
    let act = act(line);
    let link = act.link.as_ref().unwrap();
    assert_eq!(link.delay.to_string(), "5ms");
    assert_eq!(link.drop[0].to_string(), "server data 3");
    assert_eq!(link.late.values().next().unwrap().to_string(), "3ms");
    assert_eq!(act.programs[0].host(), Host::Server);
    assert_eq!(act.programs[1].host(), Host::Client);
    assert_eq!(self::act("link = \"loopback\"").link, None);
}

#[test]
fn a_link_that_contradicts_itself_is_refused() {
    assert!(complaint_with("link = { delay = \"5ms\" }").contains("link needs the key `hosts`"));
    assert!(complaint_with("link = { hosts = 3 }").contains("joins 2 hosts"));
    assert!(complaint_with("link = { hosts = 2, drop = [\"server data\"] }").contains("names no segment"));
    let both = r#"link = { hosts = 2, drop = ["server data 3"], late = { "server data 3" = "1ms" } }"#;
    assert!(complaint_with(both).contains("is dropped, so it cannot be late"));
    let both = r#"link = { hosts = 2, drop = ["server data 3"], twice = ["server data 3"] }"#;
    assert!(complaint_with(both).contains("is dropped, so it cannot arrive twice"));
    assert!(complaint("ready =", "host = \"server\"\nready =").contains("needs a link with hosts = 2"));
}

#[test]
fn the_director_waits_for_packets_and_does_what_can_be_done() {
    let act = act("[[then]]\nwhen = \"client FIN\"\ndo = [\"ss\", \"wait 60ms\", \"kill server\"]\n");
    assert_eq!(act.then[0].deeds.len(), 3);
    let then =
        |when: &str, deed: &str| complaint_with(&format!("[[then]]\nwhen = \"{when}\"\ndo = \"{deed}\"\n"));
    assert!(then("client FNI", "ss").contains("`SYN`, `FIN`"));
    assert!(then("client close", "ss").contains("is a call, and the director hears packets"));
    assert!(then("last client data", "ss").contains("known only afterwards"));
    assert!(then("client FIN", "kil server").contains("the choices are ss, end NAME, kill NAME"));
    assert!(
        then("client FIN", "kill sever")
            .contains("there is no program `sever`; the programs are server, client")
    );
    assert!(then("client FIN", "cut").contains("needs a link with hosts = 2"));
}

#[test]
fn several_of_one_program_are_told_apart_by_number() {
    let several = ONE_ECHO.replacen("name = \"client\"", "name = \"client\"\ncount = 3", 1);
    let scenario = parse(&several.replacen("exit = { client = 0", "exit = { client-2 = 0", 1)).unwrap();
    let running: Vec<String> = scenario.variants[0].act.running().map(|(name, _)| name).collect();
    assert_eq!(running, ["server", "client-1", "client-2", "client-3"]);
    assert_eq!(
        scenario.variants[0].act.all_pins()["ip_local_port_range"],
        "40000 40003"
    );
    let error = parse(&several.replacen("exit = { client = 0", "exit = { client-4 = 0", 1)).unwrap_err();
    assert!(
        error
            .message
            .contains("the programs are server, client, client-1, client-2, client-3"),
        "{error}"
    );
}

#[test]
fn a_pin_is_one_of_a_list_and_goes_over_the_usual() {
    let act = act("pins = { tcp_timestamps = 1, tcp_rmem = \"4096 8192 16384\" }");
    assert_eq!(act.all_pins()["tcp_timestamps"], "1");
    assert_eq!(act.all_pins()["tcp_congestion_control"], "reno");
    assert!(
        complaint_with("pins = { tcp_timestamp = 1 }")
            .contains("unknown key `tcp_timestamp`; pins has the keys")
    );
}

#[test]
fn facts_and_states_are_read_before_anything_runs() {
    assert!(
        complaint("exit =", "seen = [\"gap before client data\"]\nexit =")
            .contains("`gap before client data`")
    );
    assert!(
        complaint("exit =", "states = { client = \"TIME_WAIT\" }\nexit =")
            .contains("`TIME_WAIT` is no state of RFC 9293")
    );
    assert!(
        complaint("\"client SYN\", \"server SYN\"", "\"client SYN+ACK\"")
            .contains("is no line of a skeleton")
    );
}

#[test]
fn what_is_performed_is_written_into_the_manifest_and_read_back() {
    let act = act(concat!(
        "link = { hosts = 2, delay = \"5ms\", drop = [\"server data 3\"], late = { \"client ACK 2\" = \"3ms\" } }\n",
        "pins = { tcp_timestamps = 1 }\nwithin = \"60s\"\n",
        "[[then]]\nwhen = \"client FIN\"\ndo = \"cut\"\n"
    ));
    let text = toml::to_string(&act).unwrap();
    assert_eq!(toml::from_str::<Act>(&text).unwrap(), act, "{text}");
}

#[test]
fn the_scenarios_that_contributing_explains_are_scenarios() {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../CONTRIBUTING.md")).unwrap();
    let fences = text.split("```toml\n").skip(1);
    let examples: Vec<&str> = fences
        .filter_map(|fence| fence.split("```").next())
        .filter(|example| example.contains("[[program]]"))
        .collect();
    assert_eq!(
        examples.len(),
        2,
        "a plain one, and one with the rest of the language"
    );
    for example in examples {
        Scenario::parse("echo/example", Path::new("CONTRIBUTING.md"), example)
            .unwrap_or_else(|error| panic!("{error}\n{example}"));
    }
    // So are the facts and events in its tables.
    let facts = text.split("| fact | for instance |").nth(1).unwrap();
    let facts = facts.split("\n\n").next().unwrap();
    let facts: Vec<&str> = facts
        .lines()
        .flat_map(|row| row.split('`').skip(1).step_by(2))
        .collect();
    assert!(facts.len() > 10, "{facts:?}");
    for fact in facts {
        crate::reading::check_fact(fact).unwrap_or_else(|error| panic!("{error}"));
    }
}
