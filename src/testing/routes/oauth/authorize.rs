//! `/oauth/authorize`: the signed-in user consents immediately, and the browser is redirected.

use http::header;

use super::redirect;
use super::wire::{OAuthError, Parameters, resources, scopes};
use crate::testing::reply::Reply;
use crate::testing::request::Call;
use crate::testing::state::State;
use crate::testing::state::authorization::{Authorization, Client};

/// The target of a redirect, after client and redirect URI have been checked.
struct Destination {
    uri: String,
    named: bool,
}

pub(super) fn authorize(state: &mut State, call: &Call, now: u64) -> Reply {
    let parameters = if call.method == "POST" {
        Parameters::of_body(call)
    } else {
        Ok(Parameters::of_query(call))
    };
    let found = parameters.and_then(|parameters| {
        let (client, to) = destination(state, &parameters)?;
        let client = client.clone();
        Ok((client, to, parameters))
    });
    match found {
        // The client is unknown, so the browser must not be redirected (RFC 6749 §4.1.2.1).
        Err(error) => page(error),
        Ok((client, to, parameters)) => {
            let outcome = consent(state, &client, &to, &parameters);
            let outcome = outcome.map(|consented| state.authorization.issue_code(consented, now));
            send_back(state, call, &to, &parameters, &outcome)
        }
    }
}

/// The client and one of its redirect URIs; an error is shown and not redirected.
fn destination<'a>(
    state: &'a State,
    parameters: &Parameters,
) -> Result<(&'a Client, Destination), OAuthError> {
    let id = parameters.required("client_id")?;
    let unknown = OAuthError::invalid_request("The client is not registered");
    let client = state.authorization.client(id).ok_or(unknown)?;
    let (uri, named) = match (parameters.one("redirect_uri")?, &*client.redirect_uris) {
        (Some(uri), _) => (uri, true),
        (None, [only]) => (only.as_str(), false),
        (None, _) => return Err(OAuthError::invalid_request("A redirect_uri is required")),
    };
    let registered = |known: &String| redirect::matches(known, uri);
    if !client.redirect_uris.iter().any(registered) {
        let why = "The redirect_uri is not registered for this client";
        return Err(OAuthError::invalid_request(why));
    }
    let uri = uri.to_owned();
    Ok((client, Destination { uri, named }))
}

/// The consent of the user, if the request is allowed.
fn consent(
    state: &State,
    client: &Client,
    to: &Destination,
    parameters: &Parameters,
) -> Result<Authorization, OAuthError> {
    if parameters.required("response_type")? != "code" {
        let why = "Only the response type `code` is supported";
        return Err(OAuthError::new("unsupported_response_type", why));
    }
    if parameters
        .one("response_mode")?
        .is_some_and(|mode| mode != "query")
    {
        return Err(OAuthError::invalid_request(
            "Only the response mode `query` is supported",
        ));
    }
    let authorization = Authorization {
        client_id: client.id.clone(),
        user: state.authorization.user.clone(),
        redirect_uri: to.uri.clone(),
        redirect_named: to.named,
        challenge: challenge(parameters)?,
        scopes: granted(state, client, parameters)?,
        resources: resources(parameters)?,
        nonce: parameters.one("nonce")?.map(str::to_owned),
    };
    if state.options.oauth_consent {
        Ok(authorization)
    } else {
        Err(OAuthError::new(
            "access_denied",
            "The user does not consent",
        ))
    }
}

/// PKCE is required, and `plain`, the default method, is rejected.
fn challenge(parameters: &Parameters) -> Result<String, OAuthError> {
    let challenge = parameters.required("code_challenge")?;
    if parameters.one("code_challenge_method")? != Some("S256") {
        let why = "The code_challenge_method must be S256";
        return Err(OAuthError::invalid_request(why));
    }
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if challenge.len() == 43 && challenge.bytes().all(legal) {
        Ok(challenge.to_owned())
    } else {
        let why = "The code_challenge must be 43 characters of base64url";
        Err(OAuthError::invalid_request(why))
    }
}

fn granted(
    state: &State,
    client: &Client,
    parameters: &Parameters,
) -> Result<Vec<String>, OAuthError> {
    let Some(asked) = parameters.one("scope")? else {
        return Ok(client.default_scopes.clone());
    };
    let known = |scope: &String| state.options.grants_scope(scope);
    let asked = scopes(asked).filter(|scopes| scopes.iter().all(known));
    let unknown = OAuthError::new("invalid_scope", "A scope is malformed or unknown");
    asked.ok_or(unknown)
}

/// Redirects the browser with a code or an error, `state`, and `iss` (RFC 9207).
fn send_back(
    state: &State,
    call: &Call,
    to: &Destination,
    parameters: &Parameters,
    outcome: &Result<String, OAuthError>,
) -> Reply {
    let mut answer = match outcome {
        Ok(code) => vec![("code", code.as_str())],
        Err(error) => vec![
            ("error", error.code),
            ("error_description", error.description),
        ],
    };
    if let Ok(Some(echoed)) = parameters.one("state") {
        answer.push(("state", echoed));
    }
    answer.push(("iss", &state.instance.issuer));
    let location = redirect::with_parameters(&to.uri, &answer);
    // 303 turns a POST into a GET, so that no form is posted on to the client (RFC 9700 §4.12).
    let status = if call.method == "POST" { 303 } else { 302 };
    Reply::empty(status)
        .with(header::LOCATION, &location)
        .with(header::CACHE_CONTROL, "no-store")
        .with(header::REFERRER_POLICY, "no-referrer")
}

/// An error page for the user.
fn page(error: OAuthError) -> Reply {
    let text = format!("{}: {}\n", error.code, error.description);
    Reply::text(error.status, &text).with(header::CACHE_CONTROL, "no-store")
}
