// Package scenario is what can be said about a simulation beside its configuration and
// its trace: how traffic is changed before it is played, who decides, and what the
// upstreams really do. The command's flags and the admin API's options are the same ones,
// by the same names and with the same words about what is wrong.
package scenario
