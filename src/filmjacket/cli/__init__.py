"""The command line: one file for each verb. Modules here import heavy things only when a command runs."""
