//! A request with its answer, from the log of an emulator here or elsewhere.

use clerk_machine_auth::testing::RecordedRequest;
use serde_json::Value;

/// What went over the wire, as far as a contract speaks of it.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) method: String,
    /// Without `/v1`.
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) body: Vec<u8>,
    pub(crate) status: u16,
    pub(crate) answer: Vec<u8>,
    pub(crate) faulted: bool,
}

impl Exchange {
    /// Reads a recorded request; `None` while it is not answered.
    pub(crate) fn recorded(request: &RecordedRequest) -> Option<Self> {
        let response = request.response.as_ref()?;
        Some(Self {
            method: request.method.clone(),
            path: without_version(&request.path),
            query: request.query.clone().unwrap_or_default(),
            body: request.body.to_vec(),
            status: response.status,
            answer: response.body.to_vec(),
            faulted: request.faulted,
        })
    }

    /// Reads an item of `GET /__emulator/requests`; `None` if it is not answered.
    pub(crate) fn dumped(request: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let response = request["response"].as_object()?;
        Some(Self {
            method: text(&request["method"]),
            path: without_version(&text(&request["path"])),
            query: text(&request["query"]),
            body: text(&request["body"]).into_bytes(),
            status: u16::try_from(response["status"].as_u64()?).ok()?,
            answer: text(&response["body"]).into_bytes(),
            faulted: request["faulted"].as_bool()?,
        })
    }

    pub(crate) fn succeeded(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The decoded parameters of the query.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (String, String)> {
        url::form_urlencoded::parse(self.query.as_bytes()).into_owned()
    }

    pub(crate) fn segments(&self) -> Vec<&str> {
        self.path.trim_start_matches('/').split('/').collect()
    }
}

/// The version is optional. The public key set, which is not in the document of the Backend API,
/// has the shape of the private one.
fn without_version(path: &str) -> String {
    let path = path.strip_prefix("/v1").unwrap_or(path);
    if path == "/.well-known/jwks.json" {
        "/jwks".to_owned()
    } else {
        path.to_owned()
    }
}
