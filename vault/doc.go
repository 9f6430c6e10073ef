// Package vault seals what must not lie in the database in the clear: upstream keys that
// were given through the admin API, and configurations with literal secrets.
//
// A [Sealer] encrypts with AES-256-GCM under a [Key]. Each value has a random nonce, names
// the key that it was sealed with, and is bound to what it is and where it belongs (see
// [Place]): a value that was changed, or copied to another row, does not open. Old keys
// beside the current one still open, so a key is rotated by sealing everything anew while
// the gateway serves ([Rotation]).
//
// A [Box] is a Sealer with what surrounds it: where the key comes from, the file beside the
// database in which one is made when it is first needed, and the canary in the store, by
// which a gateway with the wrong key refuses to start instead of losing secrets one by one.
package vault
