// Package vault seals what must not lie in the database in the clear: upstream keys that
// were given through the admin API, and configurations with literal secrets.
//
// A [Sealer] encrypts with AES-256-GCM under a [Key]. Each value has a random nonce, names
// the key that it was sealed with, and is bound to what it is and where it belongs (see
// [Place]): a value that was changed, or copied to another row, does not open. Old keys
// beside the current one still open, so a key is rotated by sealing everything anew while
// the gateway serves.
package vault
