package telemetry

import (
	"errors"
	"strings"
	"testing"
)

func TestAPanicIsToldWithoutItsValue(t *testing.T) {
	caught := func(f func()) (told string) {
		defer func() { told = Panicked(recover()) }()
		f()
		return ""
	}
	var nothing []int
	var none map[string]int
	for name, c := range map[string]struct {
		f    func()
		want string
	}{
		"an index":     {func() { _ = nothing[len(nothing)] }, "index out of range [0] with length 0"},
		"a nil map":    {func() { none["x"] = 1 }, "assignment to entry in nil map"},
		"a text":       {func() { panic("Bearer sk-secret") }, "a string"},
		"an error":     {func() { panic(errors.New("sk-secret")) }, "a *errors.errorString"},
		"a conversion": {func() { _ = any("sk-secret").(int) }, "interface conversion"},
	} {
		if got := caught(c.f); !strings.Contains(got, c.want) || strings.Contains(got, "secret") {
			t.Errorf("%s: %q", name, got)
		}
	}
}
