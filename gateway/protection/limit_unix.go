//go:build unix

package protection

import "syscall"

// fileLimit is how many files the process may have open; zero: not known.
func fileLimit() uint64 {
	var r syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r) != nil {
		return 0
	}
	return uint64(r.Cur)
}
