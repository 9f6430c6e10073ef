// Package access says who is at the admin API and what they may do: bearer tokens for
// programs, accounts with passwords and cookies for people, OpenID Connect where it is
// configured, and the four roles.
package access
