// Package access says who is at the admin API and what they may do.
//
// A [Guard] stands in front of it. Programs show a bearer token: the configured one, the
// one made for a first start, or one that is stored by its SHA-256 with a role, an owner
// and an end. People sign in with a name and a password, or through an OpenID Connect
// provider, and get a cookie of 256 random bits, of which only the SHA-256 is stored. A
// session ends when it was not used for a while, and after a while in any case.
//
// Who somebody is comes from the store at every use, remembered for at most a second: an
// account that was disabled, a role that was changed, a token that was deleted count at
// once. The Guard puts an [Identity] into the request's context and decides nothing else:
// what a role may do stands at the endpoint that was registered, never in a path. Where
// the store does not answer, nobody but the configured token is let in.
//
// A browser sends cookies also where another site's page asked it to. So a request that
// changes something and has no bearer token must come from this origin, or from no
// browser.
//
// Passwords are hashed with argon2id (see [Cost]), at most two at a time, and an unknown
// name takes as long as a wrong password. Wrong ones cost growing delays by name and by
// address, at most half a minute by name: nobody can lock somebody else out for good, and
// an address from which somebody has signed in before does not suffer from what others
// try under that name.
package access
