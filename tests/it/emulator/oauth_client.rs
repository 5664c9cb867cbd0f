//! A small OAuth client that does each step by hand, right or wrong.

use std::collections::HashMap;

use clerk_machine_auth::testing::EmulatorBuilder;
use serde_json::{Value, json};
use url::Url;

use crate::emulator::harness::{Answer, Harness};

/// The pair of RFC 7636, appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub(crate) const CALLBACK: &str = "http://127.0.0.1/callback";
pub(crate) const RESOURCE: &str = "https://mcp.example.com/mcp";

/// An emulator, and a public client that is registered there.
pub(crate) struct OAuth {
    pub(crate) h: Harness,
    /// Follows no redirect, as the client has to look at it.
    pub(crate) http: reqwest::Client,
    pub(crate) client: String,
}

/// Where a browser was sent.
pub(crate) struct Redirect {
    pub(crate) to: String,
    pub(crate) parameters: HashMap<String, String>,
}

impl Redirect {
    pub(crate) fn get(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("", String::as_str)
    }

    /// Asserts an error of this code, sent where it belongs.
    #[track_caller]
    pub(crate) fn refused(&self, error: &str) {
        assert_eq!(self.get("error"), error, "{:?}", self.parameters);
        assert!(!self.parameters.contains_key("code"));
    }
}

/// Asserts an error in the form of RFC 6749 §5.2.
#[track_caller]
pub(crate) fn refused(answer: &Answer, status: u16, error: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.body["error"], error, "{answer:?}");
}

impl OAuth {
    pub(crate) async fn start() -> Self {
        Self::of(EmulatorBuilder::default()).await
    }

    pub(crate) async fn of(builder: EmulatorBuilder) -> Self {
        let h = Harness::of(builder).await;
        let client = h.clerk.oauth_client(CALLBACK).create();
        Self {
            h,
            http: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap(),
            client: client.client_id().to_owned(),
        }
    }

    /// The parameters of a good authorization request.
    pub(crate) fn request(&self) -> HashMap<String, String> {
        let pairs = [
            ("response_type", "code"),
            ("client_id", &self.client),
            ("redirect_uri", CALLBACK),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("state", "st&te"),
            ("scope", "profile reports:read"),
            ("resource", RESOURCE),
        ];
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    /// A good authorization request with other parameters; an empty one is left out.
    pub(crate) fn request_with(&self, changes: &[(&str, &str)]) -> HashMap<String, String> {
        let mut request = self.request();
        for (name, value) in changes {
            request.insert((*name).to_owned(), (*value).to_owned());
        }
        request.retain(|_, value| !value.is_empty());
        request
    }

    pub(crate) async fn authorize(&self, request: &HashMap<String, String>) -> reqwest::Response {
        let url = format!("{}/oauth/authorize", self.h.clerk.api_url());
        let url = Url::parse_with_params(&url, request).unwrap();
        self.http.get(url).send().await.unwrap()
    }

    /// Sends a good authorization request with changes, and reads the redirect.
    pub(crate) async fn redirect(&self, changes: &[(&str, &str)]) -> Redirect {
        let response = self.authorize(&self.request_with(changes)).await;
        assert_eq!(response.status(), 302);
        let location = response.headers()["location"].to_str().unwrap();
        let url = Url::parse(location).unwrap();
        let parameters = url.query_pairs().into_owned().collect();
        let to = location.split('?').next().unwrap().to_owned();
        Redirect { to, parameters }
    }

    pub(crate) async fn code(&self) -> String {
        self.redirect(&[]).await.get("code").to_owned()
    }

    /// Posts a form.
    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let url = format!("{}{path}", self.h.clerk.api_url());
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form);
        let request = self
            .http
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.finish());
        answer(request).await
    }

    /// Exchanges a code, with the right parameters.
    pub(crate) async fn exchange(&self, code: &str) -> Answer {
        self.exchange_with(code, &[]).await
    }

    /// Exchanges a code with changed parameters; an empty one is left out.
    pub(crate) async fn exchange_with(&self, code: &str, changes: &[(&str, &str)]) -> Answer {
        let mut form = HashMap::from([
            ("grant_type", "authorization_code"),
            ("client_id", &self.client),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
            ("code", code),
        ]);
        form.extend(changes.iter().copied());
        form.retain(|_, value| !value.is_empty());
        let form: Vec<_> = form.into_iter().collect();
        self.post("/oauth/token", &form).await
    }

    pub(crate) async fn refresh(&self, token: &str, more: &[(&str, &str)]) -> Answer {
        let mut form = vec![
            ("grant_type", "refresh_token"),
            ("client_id", self.client.as_str()),
            ("refresh_token", token),
        ];
        form.extend(more);
        self.post("/oauth/token", &form).await
    }

    /// A whole sign-in: the answer of the token endpoint.
    pub(crate) async fn sign_in(&self) -> Value {
        let code = self.code().await;
        self.exchange(&code).await.ok()
    }

    /// What the Backend API says of an access token.
    pub(crate) async fn verify(&self, token: &str) -> Answer {
        let path = "/oauth_applications/access_tokens/verify";
        self.h.post(path, json!({ "access_token": token })).await
    }
}

/// Sends a request and reads the answer whole.
pub(crate) async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = response.bytes().await.unwrap();
    Answer {
        status,
        headers,
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
    }
}

/// The text of a member.
pub(crate) fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} in {body}"))
}
