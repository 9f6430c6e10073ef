// Package config reads Sluice's configuration file into plain data.
//
// A file goes through three stages, in this order and each of them complete
// before the next: strict decoding (unknown and duplicate names are refused,
// references to the environment and to files are replaced), defaults, and
// validation. Validation is pure: it opens nothing, resolves no host and looks
// only at the data. All stages collect what they find, so one run reports every
// problem of a file, each with its path and line, as [Problems].
//
// What comes out is resolved: durations are [time.Duration], sizes are bytes,
// money is nano-dollars, shares such as 25% are amounts. Lists keep the order of
// the file. Mappings whose keys are the user's own names (providers, routes,
// owners) become slices of structs with a Name.
//
// References stand in values: ${NAME} is an environment variable,
// ${file:/run/secrets/key} the trimmed contents of a file, ${command:…} what a program
// prints, and $${ a literal ${. A reference that cannot be followed is a problem that
// names it. Its value is
// never part of a message, and secrets are kept in the type [Secret], which
// every way of printing redacts.
//
// A text may also come from somebody at the admin API, who is not to read the host
// through it: see [Options]. [Config.Redacted] shows a text without its secrets, and
// [Config.Edit] changes single values of it and leaves everything else as it is written.
//
// A Config is not changed after it was made, so it may be read by any number of
// goroutines. A reload makes another one; [Diff] tells what differs.
package config
