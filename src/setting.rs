//! The names of settings in errors and logs: that of the setting, and that of its variable.

pub(crate) const SECRET_KEY: &str = "secret_key (CLERK_SECRET_KEY)";
pub(crate) const MACHINE_SECRET_KEY: &str = "machine_secret_key (CLERK_MACHINE_SECRET_KEY)";
pub(crate) const MACHINE_ID: &str = "machine_id (CLERK_MACHINE_ID)";
pub(crate) const JWT_KEY: &str = "jwt_key (CLERK_JWT_KEY)";
pub(crate) const PUBLISHABLE_KEY: &str = "publishable_key (CLERK_PUBLISHABLE_KEY)";
pub(crate) const API_URL: &str = "api_url (CLERK_API_URL)";
pub(crate) const FLEET: &str = "fleet (CLERK_FLEET_URL)";
pub(crate) const FLEET_KEY: &str = "fleet key (CLERK_FLEET_KEY)";
