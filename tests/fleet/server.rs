//! A real `redis-server` for one test, and a plain client that says anything to it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Returns `true` if there is a `redis-server`; says so loudly where there is none.
pub(crate) fn is_installed() -> bool {
    let found = Command::new("redis-server").arg("--version").output();
    let is_installed = found.is_ok_and(|output| output.status.success());
    if !is_installed {
        assert!(
            std::env::var_os("REQUIRE_REDIS").is_none(),
            "redis-server is required and missing"
        );
        println!("SKIPPED: redis-server is missing (Debian: apt-get install redis-server)");
    }
    is_installed
}

/// A server on loopback, killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    pub(crate) folder: PathBuf,
    arguments: Vec<String>,
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Server {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let port = free_port();
        let folder = std::env::temp_dir().join(format!("cma-redis-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let arguments: Vec<_> = arguments.iter().map(|it| (*it).to_owned()).collect();
        let child = spawn(port, &folder, &arguments);
        let server = Self {
            child,
            port,
            folder,
            arguments,
        };
        server.wait();
        server
    }

    fn wait(&self) {
        // It has a machine of its own elsewhere; here it must not wait for fifty processes. Where
        // that is not allowed, it waits.
        let id = self.child.id().to_string();
        let _may_be_refused = Command::new("renice")
            .args(["-n", "-10", "-p", &id])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("redis-server does not listen");
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("redis.sock")
    }

    /// Sends it a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success());
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, at the same port and without its data.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(self.port, &self.folder, &self.arguments);
        self.wait();
    }

    pub(crate) fn client(&self) -> Resp {
        Resp::connect(self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _may_have_ended = self.child.kill();
        let _ended = self.child.wait();
        let _removed = std::fs::remove_dir_all(&self.folder);
    }
}

fn spawn(port: u16, folder: &std::path::Path, arguments: &[String]) -> Child {
    let port = port.to_string();
    let socket = folder.join("redis.sock");
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .args(["--enable-debug-command", "yes", "--port", &port, "--dir"])
        .arg(folder)
        .arg("--unixsocket")
        .arg(socket)
        .args(arguments)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// What a server says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    Nothing,
    Number(i64),
    Text(Vec<u8>),
    Error(String),
    List(Vec<Reply>),
}

impl Reply {
    pub(crate) fn list(self) -> Vec<Reply> {
        match self {
            Self::List(list) => list,
            other => panic!("{other:?} is no list"),
        }
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        match self {
            Self::Text(text) => text,
            other => panic!("{other:?} is no text"),
        }
    }

    /// All that is text in it.
    pub(crate) fn texts(self) -> Vec<Vec<u8>> {
        match self {
            Self::Text(text) => vec![text],
            Self::List(list) => list.into_iter().flat_map(Reply::texts).collect(),
            _ => Vec::new(),
        }
    }
}

/// One connection that speaks RESP2.
pub(crate) struct Resp(BufReader<TcpStream>);

impl Resp {
    pub(crate) fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        Self(BufReader::new(stream))
    }

    pub(crate) fn call(&mut self, words: &[&[u8]]) -> Reply {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            request.extend(format!("${}\r\n", word.len()).bytes());
            request.extend_from_slice(word);
            request.extend(b"\r\n");
        }
        self.0.get_mut().write_all(&request).unwrap();
        self.read()
    }

    /// A command without arguments that hold spaces.
    pub(crate) fn say(&mut self, command: &str) -> Reply {
        let words: Vec<_> = command.split(' ').map(str::as_bytes).collect();
        self.call(&words)
    }

    fn read(&mut self) -> Reply {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        let line = line.trim_end();
        let (kind, rest) = line.split_at(1);
        match kind {
            "+" => Reply::Text(rest.into()),
            "-" => Reply::Error(rest.to_owned()),
            ":" => Reply::Number(rest.parse().unwrap()),
            "$" => self.text(rest.parse().unwrap()),
            "*" => {
                let length: i64 = rest.parse().unwrap();
                Reply::List((0..length).map(|_| self.read()).collect())
            }
            _ => panic!("not RESP: {line}"),
        }
    }

    fn text(&mut self, length: i64) -> Reply {
        let Ok(length) = usize::try_from(length) else {
            return Reply::Nothing;
        };
        let mut text = vec![0; length + 2];
        self.0.read_exact(&mut text).unwrap();
        text.truncate(length);
        Reply::Text(text)
    }

    /// The names of all keys that hold this.
    pub(crate) fn keys(&mut self, holding: &str) -> Vec<String> {
        let keys = self.say("KEYS cma:*").list();
        let names = keys.into_iter().map(|key| String::from_utf8(key.bytes()));
        let names = names.map(Result::unwrap);
        names.filter(|name| name.contains(holding)).collect()
    }
}
