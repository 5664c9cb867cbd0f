//! Each fault, and when it applies.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use clerk_machine_auth::testing::{Endpoint, Fault};
use serde_json::json;

use crate::emulator::harness::Harness;

const MACHINES: Endpoint = Endpoint::ListMachines;

async fn list(h: &Harness) -> reqwest::Result<u16> {
    h.try_send("GET", "/v1/machines", h.clerk.secret_key(), None)
        .await
        .map(|answer| answer.status)
}

#[tokio::test]
async fn a_status_applies_so_many_times_and_to_its_endpoint_only() {
    let h = Harness::start().await;
    h.clerk
        .fault(MACHINES, Fault::status(503).header("retry-after", "7"))
        .skip(1)
        .times(2);
    assert_eq!(list(&h).await.unwrap(), 200, "skipped");
    let struck = h.get("/v1/machines").await;
    struck.refused(503, "service_unavailable");
    assert_eq!(struck.headers["retry-after"], "7");
    assert_eq!(h.get("/v1/jwks").await.status, 200);
    assert_eq!(list(&h).await.unwrap(), 503);
    assert_eq!(list(&h).await.unwrap(), 200);
    h.conforms();
}

#[tokio::test]
async fn a_status_changes_nothing_unless_told() {
    let h = Harness::start().await;
    h.clerk
        .fault(Endpoint::CreateMachine, Fault::status(502))
        .once();
    h.clerk
        .fault(Endpoint::CreateMachine, Fault::status(502).applied())
        .once();
    let create = async || h.post("/v1/machines", json!({ "name": "m" })).await.status;
    let count = async || {
        h.get("/v1/machines").await.ok()["total_count"]
            .as_u64()
            .unwrap()
    };
    assert_eq!((create().await, count().await), (502, 0));
    assert_eq!((create().await, count().await), (502, 1));
}

#[tokio::test]
async fn a_duration_is_by_the_emulators_clock() {
    let h = Harness::start().await;
    h.clerk
        .fault(MACHINES, Fault::status(500))
        .for_duration(Duration::from_secs(60));
    h.clerk.clock().advance(Duration::from_secs(59));
    assert_eq!(list(&h).await.unwrap(), 500);
    h.clerk.clock().jump_wall_forward(Duration::from_secs(3600));
    assert_eq!(
        list(&h).await.unwrap(),
        500,
        "the wall clock does not matter"
    );
    h.clerk.clock().advance(Duration::from_secs(1));
    assert_eq!(list(&h).await.unwrap(), 200);
}

#[tokio::test]
async fn always_lasts_until_it_is_cleared_and_any_means_all() {
    let h = Harness::start().await;
    h.clerk.fault(Endpoint::Any, Fault::status(429)).always();
    h.clerk.fault(MACHINES, Fault::status(500)).always();
    for _ in 0..3 {
        assert_eq!(
            list(&h).await.unwrap(),
            429,
            "the first one planned applies"
        );
        assert_eq!(h.get("/nowhere").await.status, 429);
    }
    h.clerk.clear_faults_of(Endpoint::Any);
    assert_eq!(list(&h).await.unwrap(), 500);
    h.clerk.clear_faults();
    assert_eq!(list(&h).await.unwrap(), 200);
}

#[tokio::test]
async fn parts_of_the_real_answer_are_replaced() {
    let h = Harness::start().await;
    let charset = Fault::altered().header("content-type", "application/json; charset=utf-8");
    h.clerk.fault(MACHINES, charset).once();
    let answer = h.get("/v1/machines").await;
    assert_eq!(
        answer.headers["content-type"],
        "application/json; charset=utf-8"
    );
    assert_eq!(answer.body["total_count"], 0, "the real body");
    h.clerk.fault(MACHINES, Fault::altered().body("[}")).once();
    let url = format!("{}/v1/machines", h.clerk.api_url());
    let answer = h
        .http
        .get(url)
        .bearer_auth(h.clerk.secret_key())
        .send()
        .await
        .unwrap();
    assert_eq!(
        (
            answer.status().as_u16(),
            answer.text().await.unwrap().as_str()
        ),
        (200, "[}")
    );
    h.clerk.fault(MACHINES, Fault::status(404).body("")).once();
    let empty = h.get("/v1/machines").await;
    assert!(!empty.headers.contains_key("content-type"));
}

#[tokio::test]
async fn a_delay_delays() {
    let h = Harness::start().await;
    h.clerk
        .fault(MACHINES, Fault::delay(Duration::from_millis(80)))
        .once();
    let start = Instant::now();
    assert_eq!(list(&h).await.unwrap(), 200);
    assert!(start.elapsed() >= Duration::from_millis(80));
    h.clerk
        .fault(
            MACHINES,
            Fault::status(500).after(Duration::from_millis(80)),
        )
        .once();
    let start = Instant::now();
    assert_eq!(list(&h).await.unwrap(), 500);
    assert!(start.elapsed() >= Duration::from_millis(80));
}

#[tokio::test]
async fn a_hang_never_answers_and_holds_nobody_else_up() {
    let h = Harness::start().await;
    h.clerk.fault(MACHINES, Fault::hang()).once();
    let hung = tokio::time::timeout(Duration::from_millis(150), list(&h)).await;
    assert!(hung.is_err());
    assert_eq!(list(&h).await.unwrap(), 200);
    assert_eq!(h.clerk.calls(MACHINES), 2);
    assert!(h.clerk.requests()[0].response.is_none());
}

#[tokio::test]
async fn a_dropped_connection_changes_nothing_and_a_lost_answer_does() {
    let h = Harness::start().await;
    let (machine, path) = (h.clerk.machine("m").create(), "/secret_key/rotate");
    let path = format!("/v1/machines/{}{path}", machine.id());
    let rotate = async || {
        let body = Some(json!({ "previous_token_ttl": 60 }));
        h.try_send("POST", &path, h.clerk.secret_key(), body).await
    };
    h.clerk
        .fault(Endpoint::RotateMachineSecret, Fault::drop_connection())
        .once();
    assert!(rotate().await.is_err());
    assert_eq!(h.clerk.machine_secret(&machine), machine.secret_key());
    h.clerk
        .fault(Endpoint::RotateMachineSecret, Fault::drop_after_applying())
        .once();
    assert!(rotate().await.is_err());
    assert_ne!(h.clerk.machine_secret(&machine), machine.secret_key());
    assert_eq!(
        h.clerk.calls(Endpoint::RotateMachineSecret),
        2,
        "the client did not repeat it"
    );
}

/// Sends a request over a bare socket and reads until the end, however it comes.
fn raw(h: &Harness) -> (Vec<u8>, Option<std::io::ErrorKind>) {
    let address = h.clerk.api_url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let request = format!(
        "GET /v1/machines HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
        h.clerk.secret_key()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut read = Vec::new();
    let end = stream.read_to_end(&mut read);
    (read, end.err().map(|error| error.kind()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drop_is_an_orderly_close_and_a_reset_is_not() {
    let h = Harness::start().await;
    h.clerk.fault(MACHINES, Fault::drop_connection()).once();
    assert_eq!(raw(&h), (Vec::new(), None));
    h.clerk.fault(MACHINES, Fault::reset_connection()).once();
    assert_eq!(
        raw(&h),
        (Vec::new(), Some(std::io::ErrorKind::ConnectionReset))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_truncated_body_announces_more_than_it_sends() {
    let h = Harness::start().await;
    h.clerk.fault(MACHINES, Fault::truncated_body()).times(2);
    let whole = r#"{"data":[],"total_count":0}"#;
    let (read, _) = raw(&h);
    let text = String::from_utf8(read).unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(
        text.contains(&format!("content-length: {}", whole.len())),
        "{text}"
    );
    assert!(text.ends_with(&whole[..whole.len() / 2]), "{text}");
    assert!(list(&h).await.is_err());
}

#[tokio::test]
async fn a_slow_body_drips_and_is_whole() {
    let h = Harness::start().await;
    h.clerk
        .fault(MACHINES, Fault::slow_body(9, Duration::from_millis(30)))
        .once();
    let start = Instant::now();
    let answer = h.get("/v1/machines").await;
    assert_eq!(answer.body, json!({ "data": [], "total_count": 0 }));
    assert!(
        start.elapsed() >= Duration::from_millis(90),
        "27 bytes in three drips"
    );
}
