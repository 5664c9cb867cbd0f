//! Clerk's error responses: a constructor for each, with its status and code.

/// An error response before it is rendered.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) long_message: String,
    pub(super) param: Option<String>,
    pub(super) retry_after: Option<u64>,
}

impl Refusal {
    fn new(status: u16, code: &'static str, message: &str, long: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.to_owned(),
            long_message: long.into(),
            param: None,
            retry_after: None,
        }
    }

    /// 400: input that the token endpoints cannot use.
    pub(super) fn bad_request(long: impl Into<String>) -> Self {
        Self::new(400, "bad_request", "Bad Request", long)
    }

    /// 400: a body that is not the JSON object it should be.
    pub(super) fn body_invalid(long: impl Into<String>) -> Self {
        Self::new(400, "request_body_invalid", "Request body invalid", long)
    }

    /// 400: a claim that callers may not set.
    pub(super) fn reserved_claim(name: &str) -> Self {
        let long = format!("The claim '{name}' is reserved and cannot be set");
        Self::new(400, "machine_token_reserved_claim", "Reserved claim", long)
    }

    /// 400: an unknown `Clerk-API-Version`.
    pub(super) fn api_version_invalid(version: &str) -> Self {
        let long = format!("The API version '{version}' is not supported");
        Self::new(400, "api_version_invalid", "Invalid API version", long)
    }

    /// 401: no `Authorization: Bearer …`.
    pub(super) fn authorization_format() -> Self {
        let long = "The Authorization header must be of the form 'Bearer <secret>'";
        Self::new(
            401,
            "authorization_header_format_invalid",
            "Invalid Authorization header",
            long,
        )
    }

    /// 401: not a secret of this instance.
    pub(super) fn secret_key_invalid() -> Self {
        let long = "The provided Clerk Secret Key is invalid";
        Self::new(
            401,
            "clerk_key_invalid",
            "The provided Clerk Secret Key is invalid",
            long,
        )
    }

    /// 401: not a secret of a machine of this instance.
    pub(super) fn machine_secret_invalid() -> Self {
        let long = "The provided Machine Secret Key is invalid";
        Self::new(
            401,
            "machine_secret_key_invalid",
            "Invalid Machine Secret Key",
            long,
        )
    }

    /// 403: a valid secret that lacks permission.
    pub(super) fn forbidden(long: impl Into<String>) -> Self {
        Self::new(403, "authorization_invalid", "Unauthorized request", long)
    }

    /// 404: an unknown path, token, key or scope.
    pub(super) fn not_found(what: &str) -> Self {
        Self::new(
            404,
            "resource_not_found",
            "Resource not found",
            format!("{what} not found"),
        )
    }

    /// 404: an unknown machine.
    pub(super) fn machine_not_found(id: &str) -> Self {
        let long = format!("No machine was found with id {id}");
        Self::new(404, "machine_not_found", "Machine not found", long)
    }

    /// 405: a known path with an unknown method.
    pub(super) fn method_not_allowed() -> Self {
        let long = "The resource does not support this method";
        Self::new(405, "method_not_allowed", "Method not allowed", long)
    }

    /// 409: an object that already exists.
    pub(super) fn conflict(long: impl Into<String>) -> Self {
        Self::new(409, "conflict", "Conflict", long)
    }

    /// 409: the subject has an API key of this name.
    pub(super) fn name_conflict(name: &str) -> Self {
        let long = format!("An API key named '{name}' already exists for this subject");
        Self::new(
            409,
            "token_creation_conflict",
            "Token creation conflict",
            long,
        )
    }

    /// 413: a body that is larger than any request needs.
    pub(super) fn too_large() -> Self {
        Self::new(
            413,
            "request_body_too_large",
            "Request too large",
            "The body is too large",
        )
    }

    /// 422: a required member is absent.
    pub(super) fn param_missing(name: &str) -> Self {
        let long = format!("`{name}` must be included.");
        Self::new(422, "form_param_missing", "is missing", long).about(name)
    }

    /// 422: a member that the operation does not know.
    pub(super) fn param_unknown(name: &str) -> Self {
        let long = format!("`{name}` is not a valid parameter for this request.");
        Self::new(422, "form_param_unknown", "is unknown", long).about(name)
    }

    /// 422: a member of the wrong type or out of its range.
    pub(super) fn param_invalid(name: &str, why: &str) -> Self {
        let long = format!("`{name}` {why}.");
        Self::new(422, "form_param_value_invalid", "is invalid", long).about(name)
    }

    /// 422: API keys are disabled for the instance.
    pub(super) fn api_keys_disabled() -> Self {
        let long = "API keys are not enabled for this instance";
        Self::new(422, "api_keys_not_enabled", "API keys not enabled", long)
    }

    /// 422: OAuth clients may not register themselves.
    pub(super) fn registration_disabled() -> Self {
        let long = "Dynamic client registration is not enabled for this instance";
        Self::new(
            422,
            "dynamic_client_registration_disabled",
            "Dynamic client registration is disabled",
            long,
        )
    }

    /// 429: the window is full.
    pub(super) fn rate_limited(retry_after: u64) -> Self {
        let long = "Too many requests, retry later";
        let mut refusal = Self::new(429, "too_many_requests", "Too many requests", long);
        refusal.retry_after = Some(retry_after);
        refusal
    }

    fn about(mut self, param: &str) -> Self {
        self.param = Some(param.to_owned());
        self
    }
}
