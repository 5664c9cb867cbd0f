//! An in-process stand-in for Clerk's machine-auth API.
