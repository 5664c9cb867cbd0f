//! Explains what a token is and why it would be rejected, for the console and the log.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::Value;

use super::jwt;
use super::state::State;
use super::state::store::Entry;

/// The data of a token. Times are Unix milliseconds.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    pub(super) token_type: Option<&'static str>,
    pub(super) format: Option<&'static str>,
    pub(super) id: Option<String>,
    pub(super) subject: Option<String>,
    /// The name of the sending machine, or of the API key.
    pub(super) name: Option<String>,
    /// The machines that an M2M token may reach, or the scopes of another token.
    pub(super) scopes: Vec<String>,
    pub(super) issued_at: Option<u64>,
    pub(super) expires_at: Option<u64>,
    pub(super) header: Value,
    pub(super) claims: Value,
    pub(super) accepted: bool,
    pub(super) reasons: Vec<Reason>,
}

/// A reason to reject a token.
#[derive(Debug, Serialize)]
pub(super) struct Reason {
    pub(super) code: &'static str,
    pub(super) message: String,
}

/// Inspects a token as the receiver would now; without a receiver, the receiver is not checked.
pub(super) fn inspect(state: &State, token: &str, receiver: Option<&str>, now: u64) -> Report {
    let mut inspection = Inspection {
        state,
        receiver,
        now,
        report: Report::default(),
    };
    inspection.run(bare(token));
    let mut report = inspection.report;
    report.accepted = report.reasons.is_empty();
    report
}

/// The token of a pasted line: without `Authorization:`, `Bearer`, quotes and surrounding space.
fn bare(text: &str) -> &str {
    let text = text.trim().trim_matches(['"', '\'']);
    let text = text
        .strip_prefix("Authorization:")
        .unwrap_or(text)
        .trim_start();
    text.strip_prefix("Bearer ").unwrap_or(text).trim()
}

struct Inspection<'a> {
    state: &'a State,
    receiver: Option<&'a str>,
    now: u64,
    report: Report,
}

impl Inspection<'_> {
    fn refuse(&mut self, code: &'static str, message: impl Into<String>) {
        let message = message.into();
        self.report.reasons.push(Reason { code, message });
    }

    fn run(&mut self, token: &str) {
        let state = self.state;
        if token.is_empty() {
            self.refuse("no_token", "there is no token");
        } else if jwt::is_jwt(token) {
            self.jwt(token);
        } else if let Some(entry) = state.m2m.store.by_secret(token) {
            self.stored("m2m_token", entry);
            self.report.claims = entry.detail.claims.clone();
            self.report.scopes.clone_from(&entry.detail.scopes);
            self.opaque_sender(entry.subject.as_str(), &entry.detail.scopes);
        } else if let Some(entry) = state.api_keys.store.by_secret(token) {
            self.stored("api_key", entry);
            self.report.name = Some(entry.detail.name.clone());
            self.report.claims = entry.detail.claims.clone();
            self.report.scopes.clone_from(&entry.detail.scopes);
        } else if let Some(entry) = state.oauth.store.by_secret(token) {
            self.stored("oauth_token", entry);
            self.report.scopes.clone_from(&entry.detail.scopes);
        } else {
            self.no_token(token);
        }
    }

    fn stored<T>(&mut self, token_type: &'static str, entry: &Entry<T>) {
        self.report.token_type = Some(token_type);
        self.report.format = Some("opaque");
        self.report.id = Some(entry.id.clone());
        self.report.subject = Some(entry.subject.clone());
        self.report.issued_at = Some(entry.created_at);
        self.report.expires_at = entry.expires_at;
        self.revoked(entry);
        self.expired(entry.expires_at);
    }

    fn revoked<T>(&mut self, entry: &Entry<T>) {
        if entry.revoked {
            let ago = words(self.now.saturating_sub(entry.updated_at));
            let why = entry.revocation_reason.as_ref();
            let why = why.map_or_else(String::new, |why| format!(": {why}"));
            self.refuse("revoked", format!("revoked {ago} ago{why}"));
        }
    }

    fn expired(&mut self, expires_at: Option<u64>) {
        if let Some(at) = expires_at.filter(|at| *at <= self.now) {
            let ago = words(self.now.saturating_sub(at));
            self.refuse("expired", format!("expired {ago} ago"));
        }
    }

    /// Explains what an unknown text looks like.
    fn no_token(&mut self, text: &str) {
        if let Some((machine, _)) = self.state.machines.by_secret(text, self.now) {
            let name = machine.name.clone();
            let why =
                format!("this is the secret key of {name}: mint a token with it, and send that");
            return self.refuse("machine_secret", why);
        }
        if self.state.machines.has_secret(text) {
            let why = "this is a secret key that was rotated away, and no token";
            return self.refuse("machine_secret", why);
        }
        let (code, why) = match text.split_once('_').map(|(prefix, _)| prefix) {
            Some("mt") => (
                "unknown_token",
                "no M2M token of this emulator; it may have been deleted",
            ),
            Some("ak") => (
                "unknown_token",
                "neither an API key nor a machine secret of this emulator",
            ),
            Some("oat") => ("unknown_token", "no OAuth access token of this emulator"),
            Some("sk") => (
                "instance_secret",
                "this is a secret key of an instance: no service may ever be sent it",
            ),
            Some("pk") => ("publishable_key", "this is a publishable key, and no token"),
            _ => (
                "malformed",
                "no token of Clerk: they begin with mt_, ak_ or oat_, or are JWTs",
            ),
        };
        self.refuse(code, why);
    }

    fn jwt(&mut self, token: &str) {
        self.report.format = Some("jwt");
        let mut parts = token.split('.').map(decoded);
        let (Some(Some(header)), Some(Some(claims))) = (parts.next(), parts.next()) else {
            return self.refuse(
                "malformed",
                "its header or its claims are no base64url of JSON",
            );
        };
        self.signature(token, &header);
        self.issuer_and_times(&claims);
        let text = |name: &str| Some(claims.get(name)?.as_str()?.to_owned());
        let subject = text("sub").unwrap_or_default();
        self.report.id = text("jti");
        self.report.subject = Some(subject.clone());
        let typ = header
            .get("typ")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if typ.eq_ignore_ascii_case("at+jwt") || typ.eq_ignore_ascii_case("application/at+jwt") {
            self.oauth(token, &claims);
        } else if subject.starts_with("mch_") {
            self.report.token_type = Some("m2m_token");
            self.jwt_sender(&subject);
        } else {
            let why = "neither an M2M token nor an OAuth access token: a session token of a user?";
            self.refuse("token_type", why);
        }
        self.report.header = header;
        self.report.claims = claims;
    }

    fn signature(&mut self, token: &str, header: &Value) {
        let text = |name: &str| header.get(name).and_then(Value::as_str).unwrap_or("(none)");
        let (alg, kid) = (text("alg"), text("kid"));
        if alg != "RS256" {
            self.refuse(
                "algorithm",
                format!("its algorithm is {alg}; only RS256 is accepted"),
            );
        } else if !self.state.keys.lists(kid) {
            let why = "the key was rotated away, or the token is another instance's";
            self.refuse(
                "unknown_key",
                format!("no key of the key set has its kid {kid}: {why}"),
            );
        } else if self.state.keys.read(token).is_none() {
            self.refuse(
                "bad_signature",
                "its signature is not that of the key that it names",
            );
        }
    }

    fn issuer_and_times(&mut self, claims: &Value) {
        let own = self.state.instance.issuer.as_str();
        let issuer = claims
            .get("iss")
            .and_then(Value::as_str)
            .unwrap_or("(none)");
        if issuer != own {
            self.refuse(
                "wrong_issuer",
                format!("issued by {issuer}; this instance is {own}"),
            );
        }
        let millis = |name: &str| Some(claims.get(name)?.as_u64()?.saturating_mul(1000));
        self.report.issued_at = millis("iat");
        self.report.expires_at = millis("exp");
        match millis("exp") {
            Some(exp) => self.expired(Some(exp)),
            None => self.refuse("no_expiry", "it has no expiry (`exp`)"),
        }
        let from = millis("nbf").max(millis("iat")).unwrap_or(0);
        if from > self.now {
            let wait = words(from.saturating_sub(self.now).max(1_000));
            self.refuse("not_yet_valid", format!("not valid for another {wait}"));
        }
    }

    fn oauth(&mut self, token: &str, claims: &Value) {
        self.report.token_type = Some("oauth_token");
        let scope = claims
            .get("scope")
            .and_then(Value::as_str)
            .unwrap_or_default();
        self.report.scopes = scope.split_whitespace().map(str::to_owned).collect();
        if let Some(entry) = self.state.oauth.store.by_secret(token) {
            self.revoked(entry);
        }
    }

    /// A JWT reaches the machines that its sender reaches now.
    fn jwt_sender(&mut self, sender: &str) {
        let Ok(machine) = self.state.machines.get(sender) else {
            return self.refuse("unknown_sender", format!("there is no machine {sender}"));
        };
        self.report.name = Some(machine.name.clone());
        self.report.scopes = machine.scopes.iter().cloned().collect();
        if let Some(receiver) = self.receiver.filter(|to| !machine.scopes.contains(*to)) {
            self.out_of_reach(&machine.name, receiver, "");
        }
    }

    /// An opaque token reaches the machines that its sender reached when it was created.
    fn opaque_sender(&mut self, sender: &str, reached: &[String]) {
        let machine = self.state.machines.get(sender).ok();
        let name = machine.map_or(sender, |machine| machine.name.as_str());
        self.report.name = Some(name.to_owned());
        if let Some(receiver) = self
            .receiver
            .filter(|to| !reached.iter().any(|id| id == to))
        {
            let granted = machine.is_some_and(|machine| machine.scopes.contains(receiver));
            let later = ": the token was minted before that was granted, so mint a new one";
            self.out_of_reach(name, receiver, if granted { later } else { "" });
        }
    }

    fn out_of_reach(&mut self, sender: &str, receiver: &str, more: &str) {
        let name = self.state.machines.get(receiver);
        let name = name.map_or(receiver, |machine| machine.name.as_str());
        self.refuse(
            "out_of_reach",
            format!("{sender} may not reach {name}{more}"),
        );
    }
}

fn decoded(part: &str) -> Option<Value> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// A human-readable duration, in its largest unit.
pub(super) fn words(millis: u64) -> String {
    let seconds = millis / 1000;
    if seconds == 0 {
        return "a moment".to_owned();
    }
    let (count, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_said_in_their_largest_unit() {
        let said = [0, 1_000, 59_999, 60_000, 3_600_000, 90_000_000].map(words);
        let expected = [
            "a moment",
            "1 second",
            "59 seconds",
            "1 minute",
            "1 hour",
            "1 day",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn what_surrounds_a_pasted_token_is_taken_off() {
        for text in [
            "mt_x",
            " Bearer mt_x\n",
            "\"mt_x\"",
            "Authorization: Bearer mt_x",
        ] {
            assert_eq!(bare(text), "mt_x", "{text}");
        }
    }
}
