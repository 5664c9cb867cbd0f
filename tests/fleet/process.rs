//! Starts processes of the fleet and talks to them.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clerk_machine_auth::testing::ClerkEmulator;
use futures_util::future::join_all;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::oneshot;
use tokio::time::sleep;

pub(crate) fn unix_micros() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_micros()).unwrap()
}

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<String>>>>;

struct Process {
    child: Child,
    input: tokio::sync::Mutex<ChildStdin>,
    waiting: Waiting,
    next: std::sync::atomic::AtomicU64,
}

pub(crate) struct Processes(Vec<Process>);

impl Process {
    fn start(clerk: &ClerkEmulator, url: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut child = command
            .args(["--exact", "replica::replica", "--ignored", "--nocapture"])
            .env("FLEET_API_URL", clerk.api_url())
            .env("FLEET_SECRET_KEY", clerk.secret_key())
            .env("FLEET_URL", url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let waiting = Waiting::default();
        let output = BufReader::new(child.stdout.take().unwrap());
        tokio::spawn({
            let waiting = Arc::clone(&waiting);
            async move {
                let mut lines = output.lines();
                while let Ok(Some(line)) = lines.next_line().await {
                    // The harness of the test writes on the same line.
                    let Some((_, line)) = line.split_once('@') else {
                        continue;
                    };
                    let (id, answer) = line.split_once(' ').unwrap();
                    let sender = waiting.lock().unwrap().remove(&id.parse().unwrap());
                    let _gone = sender.unwrap().send(answer.to_owned());
                }
            }
        });
        Self {
            input: tokio::sync::Mutex::new(child.stdin.take().unwrap()),
            child,
            waiting,
            next: std::sync::atomic::AtomicU64::new(1),
        }
    }

    async fn ask(&self, command: &str) -> String {
        let id = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        self.waiting.lock().unwrap().insert(id, sender);
        let line = format!("{id} {command}\n");
        self.input
            .lock()
            .await
            .write_all(line.as_bytes())
            .await
            .unwrap();
        answer.await.unwrap()
    }
}

impl Processes {
    /// Starts so many, and waits until they work together and know of each other.
    pub(crate) async fn start(clerk: &ClerkEmulator, url: &str, count: usize) -> Self {
        let processes = Self((0..count).map(|_| Process::start(clerk, url)).collect());
        processes.ask_all(|_| "together".to_owned()).await;
        for _ in 0..100 {
            let members = processes.ask_all(|_| "members".to_owned()).await;
            if members
                .iter()
                .all(|it| it.parse::<usize>().unwrap() >= count)
            {
                break;
            }
            sleep(Duration::from_millis(100)).await;
        }
        processes
    }

    pub(crate) async fn ask(&self, n: usize, command: &str) -> String {
        self.0[n].ask(command).await
    }

    pub(crate) async fn ask_all(&self, command: impl Fn(usize) -> String) -> Vec<String> {
        let asking = self.0.iter().enumerate();
        let asking = asking.map(|(n, process)| {
            let command = command(n);
            async move { process.ask(&command).await }
        });
        join_all(asking).await
    }

    pub(crate) async fn stop(self) {
        for mut process in self.0 {
            process.child.kill().await.unwrap();
        }
    }
}
