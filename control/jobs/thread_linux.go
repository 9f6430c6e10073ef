package jobs

import (
	"runtime"
	"syscall"
)

// stepBack gives the goroutine a thread of its own with the lowest priority. The thread
// ends with the goroutine.
func stepBack() {
	runtime.LockOSThread()
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, syscall.Gettid(), 19) // it runs all the same
}
