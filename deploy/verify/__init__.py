"""`make verify`: is this checkout ready for a contest? Each check is a function; docs/deployment.md says what each row means."""
