package telemetry

import (
	"fmt"
	"runtime"
)

// Panicked words a recovered panic for a log. What the runtime says holds nothing of a
// caller's; any other value may, so only its type is told, and the stack shows where.
func Panicked(p any) string {
	if err, ok := p.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("a %T, which may hold what a caller has sent", p)
}
