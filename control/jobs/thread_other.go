//go:build !linux

package jobs

// stepBack does nothing where threads have no priority of their own.
func stepBack() {}
