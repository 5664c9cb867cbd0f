//! Against a real `redis-server`: what it may do, and what somebody may do who writes to it.

use std::time::{Duration, Instant};

use clerk_machine_auth::health::FleetState;
use clerk_machine_auth::testing::{ClerkEmulator, Endpoint, IssuedToken};
use clerk_machine_auth::{Authenticator, AuthenticatorBuilder, Fleet};
use tokio::time::sleep;

use super::server::{self, Reply, Resp, Server};
use super::world::{KEY, MILLI, SECOND, fleet, together, until};

struct World {
    clerk: ClerkEmulator,
    server: Server,
}

impl World {
    /// `None` where there is no `redis-server`.
    async fn new(arguments: &[&str]) -> Option<Self> {
        server::is_installed().then_some(())?;
        let server = Server::start(arguments);
        let clerk = ClerkEmulator::builder().start().await.unwrap();
        Some(Self { clerk, server })
    }

    fn builder(&self) -> AuthenticatorBuilder {
        Authenticator::builder()
            .api_url(self.clerk.api_url())
            .secret_key(self.clerk.secret_key())
            .any_sender()
            .calls_per_second(80)
    }

    fn replica_at(&self, url: &str) -> Authenticator {
        let fleet = Fleet::redis(url).unwrap().key(KEY);
        self.builder().fleet(fleet).build().unwrap()
    }

    async fn replicas<const N: usize>(&self) -> [Authenticator; N] {
        let replicas = std::array::from_fn(|_| self.replica_at(&self.server.url()));
        for replica in &replicas {
            together(replica).await;
        }
        until(|| replicas.iter().all(|it| fleet(it).members == N)).await;
        replicas
    }

    fn calls(&self) -> u64 {
        self.clerk.calls(Endpoint::VerifyApiKey)
    }
}

/// Verifies until the fleet has the answer: on a machine that has much to do a replica may have asked
/// for itself.
async fn known_to_all(replicas: &[Authenticator], key: &IssuedToken) {
    for replica in replicas {
        assert!(replica.verify(key.token()).await.is_ok());
    }
}

#[tokio::test]
async fn rule_21_replicas_share_answers_over_redis() {
    let Some(world) = World::new(&[]).await else {
        return;
    };
    let key = world.clerk.api_key("user_1").create();
    let [one, two] = world.replicas().await;
    assert!(one.verify(key.token()).await.is_ok());
    until(|| !world.server.client().keys("answer:").is_empty()).await;
    assert!(two.verify(key.token()).await.is_ok());
    assert_eq!(fleet(&two).answers_shared, 1, "{:?}", fleet(&two));
    assert_eq!(world.calls(), 1);
    one.revocations().refuse_token(key.id()).unwrap();
    let began = Instant::now();
    while two.verify(key.token()).await.is_ok() {
        assert!(began.elapsed() < SECOND * 30);
        sleep(MILLI * 5).await;
    }
    let late = world.replica_at(&world.server.url());
    together(&late).await;
    assert!(late.verify(key.token()).await.is_err());
}

/// Everything that may go wrong with the server, while known tokens are asked for all the time.
#[tokio::test]
async fn rule_23_no_known_token_fails_whatever_redis_does() {
    let Some(mut world) = World::new(&[]).await else {
        return;
    };
    let keys: Vec<_> = (0..5)
        .map(|n| world.clerk.api_key(format!("user_{n}")).create())
        .collect();
    let replicas = world.replicas::<3>().await;
    for key in &keys {
        known_to_all(&replicas, key).await;
    }
    let faults: [fn(&mut World); 5] = [
        |world| {
            world.server.client().say("FLUSHALL");
        },
        |world| {
            world.server.signal("STOP");
            std::thread::sleep(SECOND * 3);
            world.server.signal("CONT");
        },
        |world| {
            world.server.kill();
            std::thread::sleep(SECOND * 2);
            world.server.restart();
        },
        |world| {
            world.server.client().say("CONFIG SET maxmemory 1");
            std::thread::sleep(SECOND * 2);
            world.server.client().say("CONFIG SET maxmemory 0");
        },
        |world| {
            let mut client = world.server.client();
            for key in client.keys("log") {
                client.say(&format!("DEL {key}"));
            }
            client.say("SCRIPT FLUSH");
        },
    ];
    for (n, fault) in faults.into_iter().enumerate() {
        let stop = std::sync::atomic::AtomicBool::new(false);
        let load = async {
            let mut served = 0_u32;
            while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                for (key, replica) in keys.iter().zip(replicas.iter().cycle()) {
                    let answer = replica.verify(key.token()).await;
                    assert!(answer.is_ok(), "fault {n}: {answer:?}");
                    served += 1;
                }
                sleep(MILLI * 5).await;
            }
            served
        };
        let break_it = async {
            // On a thread of its own: the load goes on meanwhile.
            let broken = tokio::task::spawn_blocking(move || {
                fault(&mut world);
                world
            });
            let world = broken.await.unwrap();
            for replica in &replicas {
                together(replica).await;
            }
            stop.store(true, std::sync::atomic::Ordering::SeqCst);
            world
        };
        let (served, back) = tokio::join!(load, break_it);
        world = back;
        assert!(served > 0);
    }
    // Nothing of it was believed, and new tokens get in.
    let new = world.clerk.api_key("user_new").create();
    known_to_all(&replicas, &new).await;
}

/// A new token while the server stands still: some milliseconds, not its time-out.
#[tokio::test]
async fn rule_23_a_new_token_does_not_wait_for_a_redis_that_stands_still() {
    let Some(world) = World::new(&[]).await else {
        return;
    };
    let replicas = world.replicas::<2>().await;
    world.server.signal("STOP");
    for n in 0..10 {
        let key = world.clerk.api_key(format!("user_{n}")).create();
        known_to_all(&replicas, &key).await;
    }
    for replica in &replicas {
        until(|| fleet(replica).state == FleetState::Alone).await;
    }
    assert!(fleet(&replicas[0]).answers_alone >= 7, "it was not asked");
    world.server.signal("CONT");
    for replica in &replicas {
        together(replica).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rule_22_a_server_that_lost_its_last_writes_or_all_of_them_is_noticed() {
    let Some(world) = World::new(&[]).await else {
        return;
    };
    let replicas = world.replicas::<2>().await;
    let mut client = world.server.client();
    let log = client.keys("log").remove(0);
    let gaps = |replicas: &[Authenticator]| replicas.iter().map(|it| fleet(it).gaps).min();
    for (n, loss) in [
        format!("DEL {log}"),
        "FLUSHALL".to_owned(),
        format!("XTRIM {log} MAXLEN 0"),
    ]
    .iter()
    .enumerate()
    {
        client.say(loss);
        until(|| gaps(&replicas) > Some(n as u64)).await;
        // Told again by whoever is left.
        for replica in &replicas {
            together(replica).await;
        }
        sleep(SECOND * 11).await;
    }
    // One message is taken out, before anybody has read it: found out by its number.
    replicas[0].revocations().refuse_token("ak_before").unwrap();
    until(|| fleet(&replicas[1]).revocations == 1).await;
    let before = gaps(&replicas[1..]);
    let [first, ..] = &replicas;
    let last = |client: &mut Resp| {
        let range = client.say(&format!("XREVRANGE {log} + - COUNT 1")).list();
        range
            .into_iter()
            .next()
            .map(|it| it.list().remove(0).bytes())
    };
    let held = last(&mut client);
    loop {
        first.invalidate_id("ak_lost");
        let deleted = (0..2_000).any(|_| {
            let id = last(&mut client).filter(|id| Some(id) != held.as_ref());
            id.is_some_and(|id| client.call(&[b"XDEL", log.as_bytes(), &id]) == Reply::Number(1))
        });
        assert!(deleted);
        sleep(SECOND).await;
        if gaps(&replicas[1..]) > before {
            break;
        }
    }
}

/// Somebody who may write: every value replaced, every type wrong, everything huge.
#[tokio::test]
async fn rule_23_whoever_writes_to_redis_gets_nobody_in_and_keeps_nobody_out() {
    let Some(world) = World::new(&[]).await else {
        return;
    };
    let (good, bad) = (
        world.clerk.api_key("user_good").create(),
        world.clerk.api_key("user_bad").create(),
    );
    let replicas = world.replicas::<2>().await;
    known_to_all(&replicas, &good).await;
    world.clerk.revoke(bad.id());
    assert!(replicas[0].verify(bad.token()).await.is_err());
    let mut attacker = world.server.client();
    let huge = vec![b'x'; 64 << 20];
    type Attack<'a> = &'a dyn Fn(&mut Resp, &str);
    let attacks: [Attack<'_>; 5] = [
        &|it, key| drop(it.call(&[b"SET", key.as_bytes(), b"\x01garbage of somebody"])),
        &|it, key| {
            it.say(&format!("DEL {key}"));
            it.say(&format!("LPUSH {key} a b c"));
        },
        &|it, key| drop(it.call(&[b"SET", key.as_bytes(), &huge])),
        &|it, key| {
            it.say(&format!("DEL {key}"));
            it.say(&format!(
                "XADD {key} 18446744073709551615-18446744073709551615 d x"
            ));
        },
        &|it, key| drop(it.say(&format!("DEL {key}"))),
    ];
    for (n, attack) in attacks.iter().enumerate() {
        for key in attacker.keys("") {
            attack(&mut attacker, &key);
        }
        for replica in &replicas {
            assert!(replica.verify(good.token()).await.is_ok(), "attack {n}");
            assert!(replica.verify(bad.token()).await.is_err(), "attack {n}");
        }
        let new = world.clerk.api_key(format!("user_{n}")).create();
        for replica in &replicas {
            let answer = replica.verify(new.token()).await;
            assert!(answer.is_ok(), "attack {n}: {answer:?}");
        }
        sleep(MILLI * 600).await;
        let late = world.replica_at(&world.server.url());
        sleep(MILLI * 600).await;
        assert!(late.verify(bad.token()).await.is_err(), "attack {n}");
        assert!(late.verify(good.token()).await.is_ok(), "attack {n}");
    }
}

/// Every byte of a genuine entry, and a genuine entry in another's place.
#[tokio::test]
async fn rule_23_no_entry_that_was_changed_or_moved_is_taken() {
    let Some(world) = World::new(&[]).await else {
        return;
    };
    let (good, bad) = (
        world.clerk.api_key("user_good").create(),
        world.clerk.api_key("user_bad").create(),
    );
    let [writer] = world.replicas().await;
    let mut attacker = world.server.client();
    assert!(writer.verify(good.token()).await.is_ok());
    until(|| attacker_keys(&world) == 1).await;
    let entry = attacker.keys("answer:").remove(0);
    world.clerk.revoke(bad.id());
    assert!(writer.verify(bad.token()).await.is_err());
    until(|| attacker_keys(&world) == 2).await;
    let mut names = attacker.keys("answer:");
    names.retain(|name| *name != entry);
    let genuine = attacker.call(&[b"GET", entry.as_bytes()]).bytes();
    // The answer about the good token, in the place of the bad one's.
    attacker.call(&[b"SET", names[0].as_bytes(), &genuine, b"PX", b"120000"]);
    let reader = world.replica_at(&world.server.url());
    together(&reader).await;
    assert!(reader.verify(bad.token()).await.is_err());
    assert_eq!(fleet(&reader).rejected, 1);
    for n in 0..genuine.len() {
        let mut changed = genuine.clone();
        changed[n] ^= 1 << (n % 8);
        attacker.call(&[b"SET", entry.as_bytes(), &changed, b"PX", b"120000"]);
        reader.invalidate_token(good.token());
        assert!(reader.verify(good.token()).await.is_ok());
    }
    assert!(fleet(&reader).rejected >= 20, "{:?}", fleet(&reader));
    assert_eq!(fleet(&reader).state, FleetState::Distrusted);
}

fn attacker_keys(world: &World) -> usize {
    world.server.client().keys("answer:").len()
}

/// Everything genuine is kept and put back after the token was revoked and the message about it
/// deleted.
#[tokio::test]
async fn rule_23_an_entry_that_is_put_back_after_a_revocation_is_not_taken() {
    let Some(world) = World::new(&[]).await else {
        return;
    };
    let key = world.clerk.api_key("user_1").create();
    let replicas = world.replicas::<2>().await;
    known_to_all(&replicas, &key).await;
    let mut attacker = world.server.client();
    let entry = attacker.keys("answer:").remove(0);
    let genuine = attacker.call(&[b"GET", entry.as_bytes()]).bytes();
    world.clerk.revoke(key.id());
    replicas[0].invalidate_id(key.id());
    let began = Instant::now();
    while replicas[1].verify(key.token()).await.is_ok() {
        assert!(began.elapsed() < SECOND * 30);
        sleep(MILLI * 5).await;
    }
    for _ in 0..50 {
        attacker.call(&[b"SET", entry.as_bytes(), &genuine, b"PX", b"126000"]);
        for replica in &replicas {
            replica.invalidate_token(key.token());
            assert!(replica.verify(key.token()).await.is_err());
        }
        sleep(MILLI * 20).await;
    }
}

/// Leases and budgets of an attacker's own hold nobody back for long.
#[tokio::test]
async fn rule_23_planted_leases_and_budgets_keep_no_new_token_out() {
    let Some(world) = World::new(&[]).await else {
        return;
    };
    let [one, two] = world.replicas().await;
    let mut attacker = world.server.client();
    for n in 0..20 {
        let key = world.clerk.api_key(format!("user_{n}")).create();
        // The names of leases follow from those of entries, which are known once one was asked for.
        assert!(one.verify(key.token()).await.is_ok());
        for name in attacker.keys("answer:") {
            let lease = name.replace("answer:", "lease:");
            attacker.call(&[b"SET", lease.as_bytes(), b"mine"]);
            attacker.say(&format!("DEL {name}"));
        }
        for bucket in attacker.keys("known") {
            let bucket = bucket.replace("unknown", "known");
            for (bucket, planted) in [
                (bucket.clone(), "99999999999999999"),
                (bucket.replace("known", "unknown"), "nonsense"),
            ] {
                attacker.call(&[b"SET", bucket.as_bytes(), planted.as_bytes()]);
            }
        }
        let began = Instant::now();
        assert!(two.verify(key.token()).await.is_ok());
        assert!(began.elapsed() < Duration::from_secs(30));
    }
}

/// Whoever reads everything finds no token, id, subject or claim, in no encoding.
#[tokio::test]
async fn rule_20_a_dump_of_redis_and_of_the_wire_holds_nothing_of_a_token() {
    use base64::Engine as _;
    let Some(world) = World::new(&[]).await else {
        return;
    };
    let claim = "a-claim-of-no-other-token";
    let key = world
        .clerk
        .api_key("user_3Kd8sZqWcanary")
        .claims(serde_json::json!({ "note": claim }))
        .create();
    let mut monitor = Resp::connect(world.server.port);
    monitor.say("MONITOR");
    let replicas = world.replicas::<2>().await;
    known_to_all(&replicas, &key).await;
    replicas[0]
        .revocations()
        .refuse_subject("user_3Kd8sZqWcanary")
        .unwrap();
    replicas[1].invalidate_id(key.id());
    replicas[1].invalidate_token(key.token());
    until(|| {
        replicas
            .iter()
            .all(|it| fleet(it).revocations == 1 && fleet(it).unsent == 0)
    })
    .await;
    let mut dump = Vec::new();
    let mut client = world.server.client();
    for name in client.keys("") {
        for read in ["GET", "HGETALL", "LRANGE"] {
            let words: &[&[u8]] = match read {
                "LRANGE" => &[b"XRANGE", name.as_bytes(), b"-", b"+"],
                read => &[read.as_bytes(), name.as_bytes()],
            };
            dump.extend(client.call(words).texts());
        }
        dump.push(name.into_bytes());
    }
    assert!(dump.len() > 10);
    let secrets = [
        key.token(),
        key.id(),
        "user_3Kd8sZqWcanary",
        claim,
        world.clerk.secret_key(),
        KEY,
    ];
    for secret in secrets {
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        let base64 = base64::engine::general_purpose::STANDARD.encode(secret);
        let sha256 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, secret.as_bytes());
        let traces = [
            secret.as_bytes().to_vec(),
            hex.into_bytes(),
            base64.trim_end_matches('=').as_bytes()[..8].to_vec(),
            sha256.as_ref()[..8].to_vec(),
        ];
        for trace in traces {
            let is_in = |text: &Vec<u8>| text.windows(trace.len()).any(|part| *part == trace);
            assert!(!dump.iter().any(is_in), "{secret} is in the dump");
        }
    }
}

/// A user who may run our commands at our keys, and nothing else; by TCP and by a unix socket.
#[tokio::test]
async fn rule_23_the_user_of_the_docs_suffices_and_one_who_may_nothing_harms_nobody() {
    let Some(world) = World::new(&[]).await else {
        return;
    };
    let acl = include_str!("../../../src/docs/fleet.md")
        .lines()
        .find(|line| line.starts_with("ACL SETUSER clerk "))
        .unwrap();
    let mut admin = world.server.client();
    assert_eq!(admin.say(acl), Reply::Text(b"OK".to_vec()));
    let password = "a-password";
    assert!(acl.contains(&format!(">{password}")));
    admin.say("ACL SETUSER nobody on >x ~none +ping +hello");
    let tcp = format!("redis://clerk:{password}@127.0.0.1:{}/0", world.server.port);
    let socket = world.server.socket();
    let unix = format!(
        "redis+unix://{}?user=clerk&pass={password}",
        socket.display()
    );
    let key = world.clerk.api_key("user_1").create();
    for url in [&tcp, &unix] {
        let replica = world.replica_at(url);
        together(&replica).await;
        assert!(replica.verify(key.token()).await.is_ok());
        replica.revocations().refuse_token("ak_other").unwrap();
        until(|| fleet(&replica).unsent == 0).await;
    }
    assert_eq!(world.calls(), 1);
    for url in [
        format!("redis://nobody:x@127.0.0.1:{}", world.server.port),
        format!("redis://clerk:wrong@127.0.0.1:{}", world.server.port),
    ] {
        let replica = world.replica_at(&url);
        assert!(replica.verify(key.token()).await.is_ok());
        assert_eq!(fleet(&replica).state, FleetState::Joining);
    }
}
