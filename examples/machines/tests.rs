//! The commands against the embedded emulator.

#![allow(clippy::unwrap_used, clippy::panic)]

use clap::Parser as _;
use serde_json::Value;

use crate::cli::{Cli, GraphFormat};
use crate::demo::Demo;
use crate::{command, graph, output, progress};

async fn try_run(demo: &Demo, line: &str) -> Result<String, String> {
    let cli = Cli::try_parse_from(["machines"].into_iter().chain(line.split(' '))).unwrap();
    let mut out = Vec::new();
    let outcome = command::run(cli, &demo.client, &mut out).await;
    outcome.map_err(|error| error.to_string())?;
    Ok(String::from_utf8(out).unwrap())
}

async fn run(demo: &Demo, line: &str) -> String {
    try_run(demo, line)
        .await
        .unwrap_or_else(|error| panic!("{line}: {error}"))
}

async fn json(demo: &Demo, line: &str) -> Value {
    serde_json::from_str(&run(demo, &format!("--json {line}")).await).unwrap()
}

#[tokio::test]
async fn machines_scopes_and_secrets() {
    let demo = Demo::start().await.unwrap();
    let listed = run(&demo, "list").await;
    assert_eq!(listed.lines().count(), 5, "{listed}");
    assert!(listed.starts_with("id"), "{listed}");
    assert_eq!(json(&demo, "list --query edg").await[0]["name"], "ledger");

    let created = json(&demo, "create audit --scoped-to ledger --ttl 60").await;
    assert_eq!(
        (&created["reaches"][0], &created["tokenTtl"]),
        (&"ledger".into(), &60.into())
    );
    let shown = json(&demo, "secret show audit").await;
    assert_eq!(shown["secretKey"], created["secretKey"]);
    let rotated = json(&demo, "secret rotate audit --previous-token-ttl 60").await;
    assert_ne!(rotated["secretKey"], created["secretKey"]);

    let scoped = json(&demo, "scope add audit orders").await;
    assert_eq!(scoped["reaches"].as_array().unwrap().len(), 2);
    let scoped = json(&demo, "scope remove audit ledger").await;
    assert_eq!(scoped["reaches"], serde_json::json!(["orders"]));
    let by_id = format!("show {}", created["id"].as_str().unwrap());
    assert_eq!(json(&demo, &by_id).await["name"], "audit");

    let unknown = try_run(&demo, "show nobody").await.unwrap_err();
    assert!(unknown.contains("nobody"), "{unknown}");
    run(&demo, "create audit").await;
    let twice = try_run(&demo, "show audit").await.unwrap_err();
    assert!(twice.contains("2 machines"), "{twice}");
}

#[tokio::test]
async fn tokens_and_keys() {
    let demo = Demo::start().await.unwrap();
    let token = json(&demo, "tokens create orders --ttl 60").await;
    assert!(token["token"].as_str().unwrap().starts_with("mt_"));
    let revoke = format!(
        "tokens revoke {} --reason leaked",
        token["id"].as_str().unwrap()
    );
    assert_eq!(json(&demo, &revoke).await["state"], "revoked");
    assert_eq!(run(&demo, "tokens list orders").await, "none\n");
    assert_eq!(
        json(&demo, "tokens list orders --all").await[0]["state"],
        "revoked"
    );
    let jwt = json(&demo, "tokens create orders --jwt").await;
    assert_eq!(jwt["token"].as_str().unwrap().split('.').count(), 3);

    let user = &demo.user;
    let key = json(
        &demo,
        &format!("keys create {user} exports --scope a --scope b"),
    )
    .await;
    assert_eq!(key["scopes"], serde_json::json!(["a", "b"]));
    assert!(key["secret"].as_str().unwrap().starts_with("ak_"));
    assert_eq!(
        json(&demo, &format!("keys list {user}"))
            .await
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let revoke = format!("keys revoke {}", key["id"].as_str().unwrap());
    assert_eq!(json(&demo, &revoke).await["state"], "revoked");
    assert_eq!(
        json(&demo, &format!("keys list {user}"))
            .await
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let all = json(&demo, &format!("keys list {user} --all")).await;
    assert_eq!(all.as_array().unwrap().len(), 2);
    let short = try_run(&demo, &format!("keys create {user} ci"))
        .await
        .unwrap_err();
    assert!(short.contains("name"), "{short}");
}

#[tokio::test]
async fn the_graph_shows_who_may_call_whom() {
    let demo = Demo::start().await.unwrap();
    let mermaid = run(&demo, "graph").await;
    assert!(
        mermaid.starts_with("graph LR\n") && mermaid.matches("-->").count() == 5,
        "{mermaid}"
    );
    for line in ["graph --svg", "graph --format svg"] {
        let svg = run(&demo, line).await;
        assert!(
            svg.starts_with("<svg") && svg.contains("gateway may call orders"),
            "{svg}"
        );
        assert_eq!(svg.matches("class=\"edge\"").count(), 5, "{svg}");
    }
    let dot = run(&demo, "graph --format dot").await;
    assert!(
        dot.starts_with("digraph") && dot.matches("->").count() == 5,
        "{dot}"
    );
    assert_eq!(
        json(&demo, "graph").await["scopes"]
            .as_array()
            .unwrap()
            .len(),
        5
    );
}

#[tokio::test]
async fn a_list_of_many_pages_says_how_far_it_is() {
    let demo = Demo::start().await.unwrap();
    for number in 0..230 {
        demo.clerk.machine(format!("machine {number}")).create();
    }
    let mut terminal = Vec::new();
    let list = demo.client.machines().list().stream();
    let machines = progress::collect_to(list, &mut terminal).await.unwrap();
    assert_eq!(machines.len(), 234);
    let said = String::from_utf8(terminal).unwrap();
    assert_eq!(said, "\r100 read …\r200 read …\r\x1b[K");
}

#[test]
fn an_error_is_json_where_json_is_asked_for() {
    let error = std::io::Error::other("no \"machine\"");
    let mut out = Vec::new();
    output::error(&mut out, true, &error).unwrap();
    let said: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(said, serde_json::json!({ "error": "no \"machine\"" }));
}

#[test]
fn a_name_cannot_leave_its_label() {
    let machine = serde_json::json!([{"id": "mch_a", "name": "a\"]; x --> \\y#<b>\n"}]);
    let machines: Vec<_> = serde_json::from_value(machine).unwrap();
    let mermaid = graph::draw(&machines, GraphFormat::Mermaid);
    assert_eq!(
        mermaid,
        "graph LR\n  m0[\"a#34;]; x --#62; \\y#35;#60;b#62; \"]\n"
    );
    let dot = graph::draw(&machines, GraphFormat::Dot);
    assert!(
        dot.contains("m0 [label=\"a\\\"]; x --> \\\\y#<b> \"];"),
        "{dot}"
    );
}
