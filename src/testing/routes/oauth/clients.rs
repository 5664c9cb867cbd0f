//! `/oauth/register` (RFC 7591), and how a client authenticates afterwards.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::redirect;
use super::wire::{OAuthError, Parameters, scopes, sensitive};
use crate::testing::refusal::Refusal;
use crate::testing::reply::Reply;
use crate::testing::request::Call;
use crate::testing::state::State;
use crate::testing::state::authorization::Client;

const METHODS: [&str; 3] = ["client_secret_basic", "client_secret_post", "none"];

/// The scopes that Clerk grants if a client requests none.
pub(in crate::testing) const DEFAULT_SCOPES: [&str; 2] = ["email", "profile"];

/// Registers a client. Unknown members are ignored (RFC 7591 §2).
pub(super) fn register(state: &mut State, call: &Call, now: u64) -> Reply {
    if !state.options.oauth_registration {
        return Reply::refusal(&Refusal::registration_disabled());
    }
    match registered(state, call, now) {
        Ok(body) => sensitive(201, &body),
        Err(error) => error.reply(),
    }
}

fn registered(state: &mut State, call: &Call, now: u64) -> Result<Value, OAuthError> {
    let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    if !body.is_object() {
        return Err(metadata("The body must be a JSON object"));
    }
    let redirect_uris = redirect_uris(&body)?;
    let method = text(&body, "token_endpoint_auth_method")?.unwrap_or(METHODS[0]);
    if !METHODS.contains(&method) {
        return Err(metadata("The token_endpoint_auth_method is not supported"));
    }
    uses(&body, "grant_types", "authorization_code")?;
    uses(&body, "response_types", "code")?;
    let scope = match text(&body, "scope")? {
        Some(scope) => scopes(scope).ok_or_else(|| metadata("A scope is malformed"))?,
        None => DEFAULT_SCOPES.map(str::to_owned).to_vec(),
    };
    let mut answer = json!({
        "client_id_issued_at": now / 1000,
        "client_secret_expires_at": 0,
        "redirect_uris": redirect_uris,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": scope.join(" "),
        "token_endpoint_auth_method": method,
    });
    for name in ["client_uri", "logo_uri"] {
        if let Some(uri) = text(&body, name)? {
            answer[name] = json!(uri);
        }
    }
    let name = text(&body, "client_name")?;
    let client = state
        .authorization
        .register(redirect_uris, scope, method != "none");
    answer["client_name"] = json!(name.unwrap_or(&client.id));
    answer["client_id"] = json!(client.id);
    if let Some(secret) = client.secret {
        answer["client_secret"] = json!(secret);
    }
    Ok(answer)
}

fn metadata(description: &'static str) -> OAuthError {
    OAuthError::new("invalid_client_metadata", description)
}

fn text<'a>(body: &'a Value, name: &str) -> Result<Option<&'a str>, OAuthError> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(metadata("A member has the wrong type")),
    }
}

fn redirect_uris(body: &Value) -> Result<Vec<String>, OAuthError> {
    let wrong = |description| OAuthError::new("invalid_redirect_uri", description);
    let uris = body.get("redirect_uris").and_then(Value::as_array);
    let uris = uris.filter(|uris| !uris.is_empty());
    let uris = uris.ok_or_else(|| wrong("At least one redirect URI is required"))?;
    let checked = uris.iter().map(|uri| {
        let uri = uri.as_str().filter(|uri| redirect::is_allowed(uri));
        uri.map(str::to_owned)
    });
    let why = "A redirect URI must be https, http on loopback, or of an application's own scheme";
    checked.collect::<Option<_>>().ok_or_else(|| wrong(why))
}

/// A list, if present, must contain a value that this server supports.
fn uses(body: &Value, name: &str, needed: &str) -> Result<(), OAuthError> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Array(list)) if list.iter().any(|item| item == needed) => Ok(()),
        Some(_) => Err(metadata("No supported grant or response type is named")),
    }
}

/// The client that sends a form: by HTTP Basic, by `client_id` and `client_secret` in the body, or,
/// if it is a public client, by `client_id` alone.
pub(super) fn authenticate(
    state: &State,
    call: &Call,
    form: &Parameters,
) -> Result<Client, OAuthError> {
    let (posted_id, posted_secret) = (form.one("client_id")?, form.one("client_secret")?);
    let (id, secret) = match basic(call)? {
        Some(_) if posted_secret.is_some() => {
            let why = "Only one way of client authentication may be used";
            return Err(OAuthError::invalid_request(why));
        }
        Some((id, _)) if posted_id.is_some_and(|posted| posted != id) => {
            return Err(OAuthError::invalid_client());
        }
        Some((id, secret)) => (id, Some(secret)),
        None => {
            let id = posted_id.ok_or_else(OAuthError::invalid_client)?;
            (id.to_owned(), posted_secret.map(str::to_owned))
        }
    };
    let client = state.authorization.client(&id);
    let good = client.filter(|client| client.secret == secret);
    good.cloned().ok_or_else(OAuthError::invalid_client)
}

/// Id and secret of an `Authorization: Basic` line; both are form-encoded (RFC 6749 §2.3.1).
fn basic(call: &Call) -> Result<Option<(String, String)>, OAuthError> {
    let mut lines = call.headers.get_all(header::AUTHORIZATION).iter();
    let Some(line) = lines.next() else {
        return Ok(None);
    };
    let mut read = || {
        let (scheme, encoded) = line.to_str().ok()?.split_once(' ')?;
        let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        let (id, secret) = text.split_once(':')?;
        let good = scheme.eq_ignore_ascii_case("basic") && lines.next().is_none();
        good.then(|| (decoded(id), decoded(secret)))
    };
    read().map(Some).ok_or_else(OAuthError::invalid_client)
}

fn decoded(text: &str) -> String {
    let mut pairs = form_urlencoded::parse(text.as_bytes());
    pairs
        .next()
        .map_or_else(String::new, |(name, _)| name.into())
}
