// Command screenshots takes the pictures of the dashboard under docs/images: every page,
// light and dark, of the real program in a real browser.
//
// What they show is made up and really happens: a program with three accounts of one
// provider and one of another, a few teams whose calls are more than those accounts may
// take, and two weeks of calls in its ledger. No credential in a picture works anywhere.
package main
