//go:build unix && !linux

package pgtest

import "syscall"

// attributes make a process somebody else's.
func attributes(as *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: as, Setpgid: true}
}
